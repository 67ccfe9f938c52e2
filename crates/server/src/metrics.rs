//! The app that serves `/metrics`.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpResponse};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// The media type of `OpenMetrics` 1.0, the text format that Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Creates an app that serves only `/metrics`.
pub(crate) fn metrics_app(
    registry: Data<Registry>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = Error,
        InitError = (),
        Future: 'static,
    >,
> {
    App::new().app_data(registry).route("/metrics", web::get().to(show))
}

async fn show(registry: Data<Registry>) -> HttpResponse {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text),
        Err(fmt::Error) => HttpResponse::InternalServerError().finish(),
    }
}
