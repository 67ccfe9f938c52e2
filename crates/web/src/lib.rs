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
//! async fn delete(path: web::Path<(String, i64)>, tasks: web::Data<TaskService>) -> HttpResponse {
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
//! async fn delete(
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
mod openapi;
mod responses;
mod tasks;
mod trusted_origins;

pub use app::{Services, api, app};
pub use auth::{AuthServer, CookieConfig, RateLimits, SessionCookies};
pub use connection_phase::{ConnectionPhase, Phase};
pub use docs::{Docs, DocsConfig};
pub use extract::body::BodyLimit;
pub use extract::client_address::TrustedProxies;
pub use extract::forwarded::ForwardedHeader;
pub use extract::guard;
pub use health::Stopping;
pub use middleware::metrics::HttpMetrics;
pub use middleware::request_id::request_id;
pub use middleware::request_limits::RequestTimeout;
pub use tasks::TasksMount;
pub use tasks::compatibility::Compatibility;
pub use trusted_origins::{InvalidOrigin, TrustedOrigins};
