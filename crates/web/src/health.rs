//! For load balancers: is the process alive, and does it make sense to send it requests?

use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use serde::Serialize;
use taskbridge_domain::ports::StoreProbe;

use crate::error::{ApiError, not_allowed};

/// What readiness depends on.
pub(crate) struct Readiness(pub(crate) Arc<dyn StoreProbe>);

pub(crate) fn routes(config: &mut ServiceConfig) {
    let resource = |path: &str| web::resource(path).default_service(not_allowed("GET, HEAD"));
    config
        .service(resource("/health/live").get(live).head(live))
        .service(resource("/health/ready").get(ready).head(ready));
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// **Access:** everybody. 200 as long as the process answers at all; asks nobody.
async fn live() -> impl Responder {
    HttpResponse::Ok().json(Status { status: "ok" })
}

/// **Access:** everybody. 200 when the store answers, else 503.
async fn ready(readiness: Data<Readiness>) -> Result<HttpResponse, ApiError> {
    readiness.0.probe().await?;
    Ok(HttpResponse::Ok().json(Status { status: "ok" }))
}
