//! Everything the API stands on, and the API itself.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::StoreProbe;
use taskbridge_domain::services::TaskService;

use crate::auth::{self, AuthServer};
use crate::body::BodyLimit;
use crate::docs::{self, Docs};
use crate::exchange::RequestTimeout;
use crate::extract::client_address::TrustedProxies;
use crate::health::{self, Stopping};
use crate::middleware::metrics::HttpMetrics;
use crate::tasks::TasksMount;
use crate::tasks::compatibility::Compatibility;
use crate::trusted_origins::TrustedOrigins;

/// Everything the API stands on. Cheap to clone: each worker has its own.
#[derive(Clone)]
pub struct Services {
    /// Who is calling.
    pub authenticator: Arc<Authenticator>,
    /// What can be done with tasks.
    pub tasks: Arc<TaskService>,
    /// Signing up and in; none when somebody else does that, and then nothing below `/api/auth` is served.
    pub auth: Option<AuthServer>,
    /// Whether the store answers.
    pub store: Arc<dyn StoreProbe>,
    /// How much of a request body is read.
    pub body_limit: BodyLimit,
    /// How long a request may take.
    pub request_timeout: RequestTimeout,
    /// Whose pages may use the API.
    pub trusted_origins: Arc<TrustedOrigins>,
    /// Whose word is believed about who is calling.
    pub trusted_proxies: Arc<TrustedProxies>,
    /// Where the tasks are found.
    pub tasks_mount: TasksMount,
    /// What is different for clients of other backends.
    pub compatibility: Compatibility,
    /// What tells people about all this.
    pub docs: Docs,
    /// Whether the server is about to stop.
    pub stopping: Stopping,
    /// What is measured of requests.
    pub metrics: Arc<HttpMetrics>,
}

/// Mounts the API.
pub fn api(services: Services) -> impl FnOnce(&mut ServiceConfig) {
    let Services {
        authenticator,
        tasks,
        auth,
        store,
        body_limit,
        request_timeout,
        trusted_origins,
        trusted_proxies,
        tasks_mount,
        compatibility,
        docs,
        stopping,
        metrics,
    } = services;
    move |config| {
        config
            .app_data(Data::from(authenticator))
            .app_data(Data::from(tasks))
            .app_data(Data::new(health::Readiness { store, stopping }))
            .app_data(body_limit)
            .app_data(request_timeout)
            .app_data(Data::from(trusted_origins))
            .app_data(Data::from(trusted_proxies))
            .app_data(Data::new(compatibility))
            .app_data(Data::from(metrics))
            .configure(auth::routes(auth))
            .configure(|config| tasks_mount.routes(config))
            .configure(health::routes)
            .configure(|config| docs.routes(config))
            .default_service(actix_web::web::to(docs::no_such_route));
    }
}
