//! Mounts the API with the services it needs.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, Error};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::StoreProbe;

use crate::auth::{self, AuthServer};
use crate::docs::{self, Docs};
use crate::extract::body::BodyLimit;
use crate::extract::client_address::TrustedProxies;
use crate::extract::user_rate_limit::UserRateLimit;
use crate::health::{self, Stopping};
use crate::middleware::access_log::access_log;
use crate::middleware::cors::cors;
use crate::middleware::metrics::HttpMetrics;
use crate::middleware::request_limits::{RequestTimeout, request_limits};
use crate::middleware::security_headers::security_headers;
use crate::middleware::unsent_responses::UnsentResponses;
use crate::owned_routes::{OwnedApi, TasksMount};
use crate::tasks::TasksApi;
use crate::tasks::compatibility::Compatibility;
use crate::trusted_origins::TrustedOrigins;

/// The services and settings that the API needs. Each worker thread has a clone.
#[derive(Clone)]
pub struct Services {
    /// Authenticates callers.
    pub authenticator: Arc<Authenticator>,
    /// The operations on tasks.
    pub tasks: TasksApi,
    /// The operations on further resources of users.
    pub resources: Vec<OwnedApi>,
    /// The auth server, or `None` in bridge mode, where nothing below `/api/auth` is served.
    pub auth: Option<AuthServer>,
    /// The rate limit of requests for tasks, or `None` if there is no limit.
    pub user_rate_limit: Option<Arc<UserRateLimit>>,
    /// Checks that the database responds.
    pub store: Arc<dyn StoreProbe>,
    /// Maximum size of a request body.
    pub body_limit: BodyLimit,
    /// Maximum time until the response to a request.
    pub request_timeout: RequestTimeout,
    /// The large responses that clients have not read, with their limits.
    pub unsent: Arc<UnsentResponses>,
    /// The origins whose pages may use the API.
    pub trusted_origins: Arc<TrustedOrigins>,
    /// The reverse proxies that report the IP address of the client.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// The paths of the tasks API and of further resources.
    pub tasks_mount: TasksMount,
    /// Settings that let clients written for another backend work unchanged.
    pub compatibility: Compatibility,
    /// The OpenAPI document and Swagger UI, if they are served.
    pub docs: Docs,
    /// Whether Taskbridge is shutting down.
    pub stopping: Stopping,
    /// The number and duration of requests.
    pub metrics: Arc<HttpMetrics>,
}

/// Creates the app: the API and the middleware that every request passes. The last `wrap` adds the outermost
/// middleware.
pub fn app(
    services: Services,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
        Future: 'static,
    >,
> {
    App::new()
        .configure(api(services))
        .wrap(from_fn(request_limits))
        .wrap(from_fn(cors))
        .wrap(from_fn(security_headers))
        .wrap(from_fn(access_log))
}

/// Creates the app of a listener that serves only the health checks, with the middleware of the API that applies to them.
pub fn health_app(
    services: Services,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
        Future: 'static,
    >,
> {
    App::new()
        .app_data(Data::new(health::Readiness { store: services.store, stopping: services.stopping }))
        .app_data(services.request_timeout)
        .app_data(Data::from(services.metrics))
        .configure(health::routes)
        .default_service(actix_web::web::to(docs::no_such_route))
        .wrap(from_fn(request_limits))
        .wrap(from_fn(security_headers))
        .wrap(from_fn(access_log))
}

/// Mounts the API without the middleware.
pub fn api(services: Services) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        if let Some(limit) = services.user_rate_limit {
            config.app_data(Data::from(limit));
        }
        config
            .app_data(Data::from(services.authenticator))
            .app_data(Data::new(health::Readiness { store: services.store, stopping: services.stopping }))
            .app_data(services.body_limit)
            .app_data(services.request_timeout)
            .app_data(Data::from(services.unsent))
            .app_data(Data::from(services.trusted_origins))
            .app_data(Data::from(services.trusted_proxies))
            .app_data(Data::new(services.compatibility))
            .app_data(Data::from(services.metrics))
            .configure(auth::routes(services.auth))
            .configure(|config| {
                let resources = [services.tasks.0].into_iter().chain(services.resources);
                resources.for_each(|resource| resource.mount(config, &services.tasks_mount));
            })
            .configure(health::routes)
            .configure(|config| services.docs.routes(config))
            .default_service(actix_web::web::to(docs::no_such_route));
    }
}
