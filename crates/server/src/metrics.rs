//! The HTTP server for `/metrics`.

use std::fmt;
use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// The media type of `OpenMetrics` 1.0, the text format that Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Starts an HTTP server that serves only `/metrics`. It stops when the returned [`Server`] is dropped.
pub(crate) fn serve(listener: TcpListener, registry: Registry) -> std::io::Result<Server> {
    let registry = Data::new(registry);
    let app = move || App::new().app_data(registry.clone()).route("/metrics", web::get().to(show));
    Ok(HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run())
}

async fn show(registry: Data<Registry>) -> HttpResponse {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => HttpResponse::Ok().insert_header((CONTENT_TYPE, OPEN_METRICS)).body(text),
        Err(fmt::Error) => HttpResponse::InternalServerError().finish(),
    }
}
