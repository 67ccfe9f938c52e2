//! HTTP over the domain: routes, guards, wire types, error answers.
//!
//! This crate knows the domain and actix-web, and no database, no token library, no setting. [`api`] is the one
//! door: it takes every service, so that mounting the API with a part missing does not compile.
//!
//! # Guards are extractors
//!
//! A handler that reaches tasks takes a [`guard::PathOwner`]; without it there is no [`Owner`] to hand to the
//! service, and the handler does not compile:
//!
//! ```compile_fail,E0308
//! use actix_web::{HttpResponse, web};
//! use taskbridge_domain::{UserId, services::TaskService, tasks::TaskId};
//! async fn remove(path: web::Path<(String, i64)>, tasks: web::Data<TaskService>) -> HttpResponse {
//!     let (user_id, task_id) = path.into_inner();
//!     let _ = tasks.delete(&UserId::parse(user_id).unwrap(), TaskId::new(task_id)).await;
//!     HttpResponse::NoContent().finish()
//! }
//! ```
//!
//! With the guard the same handler is fine:
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use taskbridge_domain::{services::TaskService, tasks::TaskId};
//! use taskbridge_web::guard::{Guarded, PathOwner};
//! async fn remove(
//!     Guarded(PathOwner(owner), path): Guarded<PathOwner, web::Path<(String, i64)>>,
//!     tasks: web::Data<TaskService>,
//! ) -> HttpResponse {
//!     let _ = tasks.delete(&owner, TaskId::new(path.1)).await;
//!     HttpResponse::NoContent().finish()
//! }
//! ```
//!
//! # To add an endpoint
//!
//! 1. A handler of at most 15 lines (extractors, one service call, a DTO), its line in `routes()` of the file, and its
//!    operation for the OpenAPI document (`#[utoipa::path]`, named in the file's `Operations`).
//!    Whatever it reads of path, query or body stands behind the guard in a [`guard::Guarded`].
//! 2. Its line in the table of `tests/api/routes_are_guarded.rs`, and its tests.
//!
//! [`Owner`]: taskbridge_domain::Owner

mod auth;
mod body;
mod docs;
mod error;
mod exchange;
mod extract;
mod grammar;
mod health;
mod json_schema;
mod log_text;
mod middleware;
mod openapi;
mod tasks;
mod trusted_origins;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::{KeyPublisher, StoreProbe};
use taskbridge_domain::services::{AccountService, ProfileService, SessionService, TaskService};

pub use auth::{CookieConfig, RateLimits, SessionCookies};
pub use body::BodyLimit;
pub use docs::{Docs, DocsConfig};
pub use exchange::{RequestTimeout, Turn, limits};
pub use extract::client_address::TrustedProxies;
pub use extract::forwarded::ForwardedHeader;
pub use extract::guard;
pub use health::Stopping;
pub use middleware::access_log::access_log;
pub use middleware::cors::cors;
pub use middleware::metrics::HttpMetrics;
pub use middleware::request_id::request_id;
pub use middleware::security_headers::security_headers;
pub use tasks::TasksMount;
pub use tasks::compatibility::Compatibility;
pub use trusted_origins::{InvalidOrigin, TrustedOrigins};

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

/// What the endpoints below `/api/auth` stand on.
#[derive(Clone)]
pub struct AuthServer {
    /// What can be done with accounts.
    pub accounts: Arc<AccountService>,
    /// What users see and change of themselves.
    pub users: Arc<ProfileService>,
    /// What a session gives, and how it ends.
    pub sessions: Arc<SessionService>,
    /// The keys of tokens that can be published.
    pub keys: Arc<dyn KeyPublisher>,
    /// How sessions travel in cookies.
    pub cookies: Arc<SessionCookies>,
    /// How often all this may be asked for, if that is limited.
    pub limits: Option<Arc<RateLimits>>,
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
