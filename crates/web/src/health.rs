//! For load balancers: is the process alive, and does it make sense to send it requests?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource, Responder};
use serde::Serialize;
use taskbridge_domain::ports::StoreProbe;
use utoipa::{OpenApi, ToSchema};

use crate::error::{ApiError, not_allowed};
use crate::responses::StoreErrors;

/// Whether the server is about to stop. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on the server is not ready, and every answer ends its connection.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What readiness depends on.
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
struct Status {
    /// Always the same.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the process answers.
///
/// **Access:** everybody. 200 as long as the process answers at all; asks nobody.
#[utoipa::path(
    get, path = "/health/live", operation_id = "live", tag = "health",
    responses((status = 200, description = "The process answers.", body = Status))
)]
async fn live() -> impl Responder {
    HttpResponse::Ok().json(Status { status: "ok" })
}

/// Whether requests make sense.
///
/// **Access:** everybody. 200 when the store answers and the server is not about to stop, else 503.
#[utoipa::path(
    get, path = "/health/ready", operation_id = "ready", tag = "health",
    responses((status = 200, description = "The store answers.", body = Status), StoreErrors)
)]
async fn ready(readiness: Data<Readiness>) -> Result<HttpResponse, ApiError> {
    if readiness.stopping.has_begun() {
        return Err(ApiError::Unavailable("the server is about to stop".into()));
    }
    readiness.store.probe().await?;
    Ok(HttpResponse::Ok().json(Status { status: "ok" }))
}
