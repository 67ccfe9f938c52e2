//! The HTTP layer: routes, extractors, request and response bodies, errors.
//!
//! This crate depends on the domain and actix-web, but not on a database, a token library or the settings. [`app()`]
//! takes every service that the API needs, so an app that lacks a service does not compile.
//!
//! | folder | contents |
//! | --- | --- |
//! | `middleware/` | the middleware of every request; [`app()`] lists it in order |
//! | `extract/` | extractors: guards, request bodies, the IP address of the client |
//! | `tasks/` | the tasks API |
//! | `auth/` | the auth server, with one file for each group of `endpoints/` |
//! | `owned_routes.rs` | mounts the operations on a resource that belongs to users |
//! | `resource.rs` | extractors, errors and fields for the operations on further resources |
//! | `responses.rs`, `openapi.rs` | error responses that operations share, and the OpenAPI document |
//!
//! # Guards are extractors
//!
//! A handler for tasks takes a [`guard::PathOwner`]. Without one, it has no [`Owner`] to pass to the service and does
//! not compile:
//!
//! ```compile_fail,E0308
//! use actix_web::{HttpResponse, web};
//! use taskbridge_domain::{UserId, services::TaskService, tasks::TaskId};
//! async fn delete(path: web::Path<(String, i64)>, tasks: web::Data<TaskService>) -> HttpResponse {
//!     let (user_id, task_id) = path.into_inner();
//!     let _ = tasks.delete(&UserId::parse(user_id).unwrap(), TaskId::new(task_id)).await;
//!     HttpResponse::NoContent().finish()
//! }
//! ```
//!
//! With the guard `PathOwner`, the same handler compiles:
//!
//! ```
//! use actix_web::{HttpResponse, web};
//! use taskbridge_domain::{services::TaskService, tasks::TaskId};
//! use taskbridge_web::guard::{Guarded, PathOwner};
//! async fn delete(
//!     Guarded(PathOwner(owner), path): Guarded<PathOwner, web::Path<(String, i64)>>,
//!     tasks: web::Data<TaskService>,
//! ) -> HttpResponse {
//!     let _ = tasks.delete(&owner, TaskId::new(path.1)).await;
//!     HttpResponse::NoContent().finish()
//! }
//! ```
//!
//! # Adding an endpoint
//!
//! 1. If the endpoint reads a body, add a struct with [`serde::Deserialize`], [`validator::Validate`] and
//!    [`utoipa::ToSchema`] whose members are fields that the domain's types parse. No other code describes the body.
//! 2. Add a handler of at most 15 lines with its `#[utoipa::path]`. It extracts path, query and body with
//!    [`guard::Guarded`], so that they are read only after the guard has passed.
//! 3. Add the operation and its handler to the `mod.rs` of the folder: `paths(…)` and `.on("operation_id", handler)`. The order
//!    makes no difference. The server does not start if one of the two is missing.
//! 4. Add tests of the responses. That the operation is only for owners needs no test of its own: the tests of access
//!    control take all routes, with a body and the expected status, from the OpenAPI document.
//!
//! A field of requests is a member of such a struct, in `tasks/dto.rs` or `tasks/list_parameters.rs`, with the attribute
//! `#[validate(custom(function = Field::check))]`. `docs/extending.md` has the complete recipes.
//!
//! [`Owner`]: taskbridge_domain::Owner

mod app;
mod auth;
mod connection_phase;
mod docs;
mod error;
mod extract;
mod header_syntax;
mod health;
mod json_schema;
mod log_text;
mod middleware;
mod newest_first;
mod openapi;
mod openapi_paths;
mod owned_routes;
mod refusal_cause;
pub mod resource;
mod responses;
mod tasks;
mod trusted_origins;

pub use app::{Services, api, app, health_app};
pub use auth::{AuthServer, CookieConfig, RateLimits, SessionCookies};
pub use connection_phase::{ConnectionPhase, Phase};
pub use docs::{Docs, DocsConfig};
pub use extract::bearer::{InvalidAuthorization, bearer_token};
pub use extract::body::BodyLimit;
pub use extract::client_address::TrustedProxies;
pub use extract::forwarded::ForwardedHeader;
pub use extract::guard;
pub use extract::user_rate_limit::UserRateLimit;
pub use health::Stopping;
pub use middleware::metrics::HttpMetrics;
pub use middleware::request_id::request_id;
pub use middleware::request_limits::{HEAD_LIMIT, RequestTimeout};
pub use middleware::unsent_responses::{UnsentLimits, UnsentResponses};
pub use owned_routes::{OwnedApi, OwnedRoutes, RouteMismatch, TasksMount};
pub use refusal_cause::RefusalCause;
pub use tasks::TasksApi;
pub use tasks::compatibility::Compatibility;
pub use trusted_origins::{InvalidOrigin, TrustedOrigins};
