//! What is measured, and the port on which it is shown.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use taskbridge_adapters::database::Store;
use taskbridge_adapters::passwords::HashingLoad;
use taskbridge_domain::Timestamp;
use taskbridge_web::HttpMetrics;

/// `OpenMetrics` 1.0, the text form that Prometheus reads.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured, of a process that started at that moment; `hashing` if passwords are hashed here.
pub(crate) fn registry(
    started: Timestamp,
    http: &HttpMetrics,
    hashing: Option<Arc<HashingLoad>>,
    store: Store,
) -> Registry {
    let mut registry = Registry::default();
    registry.register_with_unit(
        "process_start_time",
        "When the process started, since 1970",
        Unit::Seconds,
        ConstGauge::new(started.unix_seconds()),
    );
    if resident_memory().is_some() {
        let memory = Gauge(|| resident_memory().unwrap_or_default());
        registry.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, memory);
    }

    let ours = registry.sub_registry_with_prefix("taskbridge");
    ours.register("build", "What is running", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    http.register(ours);
    if let Some(hashing) = hashing {
        let (waiting, busy) = (Arc::clone(&hashing), Arc::clone(&hashing));
        ours.register("hashing_waiting", "Passwords that wait to be hashed", Gauge(move || waiting.waiting() as u64));
        ours.register("hashing_busy", "Threads that hash a password", Gauge(move || busy.busy() as u64));
        let refused = Counter(move || hashing.refused());
        ours.register("hashing_refused", "Passwords not hashed because too many waited", refused);
    }
    let idle = store.clone();
    ours.register("database_connections", "Open connections", Gauge(move || store.connections().0.into()));
    ours.register("database_connections_idle", "Those nobody uses", Gauge(move || idle.connections().1 as u64));
    registry
}

/// The server that shows them, and nothing else. It stops when it is dropped.
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

/// A number that somebody else keeps, read when it is shown.
struct Gauge<F>(F);

/// One that only grows.
struct Counter<F>(F);

macro_rules! read_when_shown {
    ($name:ident, $constant:ident) => {
        impl<F: Fn() -> u64> EncodeMetric for $name<F> {
            fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
                $constant::new((self.0)()).encode(encoder)
            }

            fn metric_type(&self) -> MetricType {
                MetricType::$name
            }
        }

        impl<F> fmt::Debug for $name<F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

read_when_shown!(Gauge, ConstGauge);
read_when_shown!(Counter, ConstCounter);

/// The memory this process has in use, in bytes, where the system tells: on Linux.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? * 1024)
}
