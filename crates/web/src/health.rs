//! For load balancers: is the process alive, and does it make sense to send it requests?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use taskbridge_domain::ports::StoreProbe;

use crate::error::ApiError;

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
    config.route("/health/live", web::get().to(live)).route("/health/ready", web::get().to(ready));
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// **Access:** everybody. 200 as long as the process answers at all; asks nobody.
async fn live() -> impl Responder {
    HttpResponse::Ok().json(Status { status: "ok" })
}

/// **Access:** everybody. 200 when the store answers and the server is not about to stop, else 503.
async fn ready(readiness: Data<Readiness>) -> Result<HttpResponse, ApiError> {
    if readiness.stopping.has_begun() {
        return Err(ApiError::Unavailable("the server is about to stop".into()));
    }
    readiness.store.probe().await?;
    Ok(HttpResponse::Ok().json(Status { status: "ok" }))
}
