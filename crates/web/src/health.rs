//! Health checks for load balancers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource, Responder};
use serde::Serialize;
use taskbridge_domain::ports::StoreProbe;
use utoipa::{OpenApi, ToSchema};

use crate::error::{ApiError, not_allowed};
use crate::refusal_cause::RefusalCause;
use crate::responses::ReadinessErrors;

/// A flag that is set when Taskbridge begins to shut down. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// Sets the flag. From then on, Taskbridge is not ready, and each response closes its connection.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if the shutdown has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The state that decides whether Taskbridge is ready: the store must respond, and no shutdown may have begun.
pub(crate) struct Readiness {
    pub(crate) store: Arc<dyn StoreProbe>,
    pub(crate) stopping: Stopping,
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(endpoint("/health/live").get(live).head(live))
        .service(endpoint("/health/ready").get(ready).head(ready));
}

fn endpoint(path: &str) -> Resource {
    web::resource(path).default_service(not_allowed("GET, HEAD"))
}

#[derive(OpenApi)]
#[openapi(paths(live, ready))]
pub(crate) struct Operations;

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct HealthResponse {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Check that the process is running.
///
/// **Access:** anyone. Does not check the database.
#[utoipa::path(
    get, path = "/health/live", operation_id = "live", tag = "health",
    responses((status = 200, description = "The process is running.", body = HealthResponse))
)]
async fn live() -> impl Responder {
    HttpResponse::Ok().json(HealthResponse { status: "ok" })
}

/// Check that Taskbridge is ready for requests.
///
/// **Access:** anyone. Returns a 503 if the database does not respond or Taskbridge is shutting down.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "ready", tag = "health",
    responses((status = 200, description = "Taskbridge is ready for requests.", body = HealthResponse), ReadinessErrors)
)]
async fn ready(readiness: Data<Readiness>) -> Result<HttpResponse, ApiError> {
    if readiness.stopping.has_begun() {
        return Err(ApiError::Unavailable(RefusalCause::ShuttingDown, "the server is shutting down".into()));
    }
    readiness.store.probe().await?;
    Ok(HttpResponse::Ok().json(HealthResponse { status: "ok" }))
}
