//! The metrics that the server collects.

use std::fmt;
use std::sync::Arc;

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

/// Returns the metrics of a process that started at `started`. `hashing` is `None` where no passwords are hashed.
pub(super) fn registry(
    started: Timestamp,
    http: &HttpMetrics,
    hashing: Option<Arc<HashingLoad>>,
    store: Store,
) -> Registry {
    let mut registry = Registry::default();
    registry.register_with_unit(
        "process_start_time",
        "Start time of the process, in seconds since 1970",
        Unit::Seconds,
        ConstGauge::new(started.unix_seconds()),
    );
    if resident_memory().is_some() {
        let memory = Gauge(|| resident_memory().unwrap_or_default());
        registry.register_with_unit("process_resident_memory", "Resident memory of the process", Unit::Bytes, memory);
    }

    let ours = registry.sub_registry_with_prefix("taskbridge");
    ours.register("build", "Version of the program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    http.register(ours);
    if let Some(hashing) = hashing {
        let (waiting, busy) = (Arc::clone(&hashing), Arc::clone(&hashing));
        ours.register("hashing_waiting", "Passwords waiting to be hashed", Gauge(move || waiting.waiting() as u64));
        ours.register("hashing_busy", "Threads that are hashing a password", Gauge(move || busy.busy() as u64));
        let refused = Counter(move || hashing.refused());
        ours.register("hashing_refused", "Passwords refused because the queue was full", refused);
    }
    let idle = store.clone();
    ours.register("database_connections", "Open connections in the pool", Gauge(move || store.connections().0.into()));
    ours.register(
        "database_connections_idle",
        "Idle connections in the pool",
        Gauge(move || idle.connections().1 as u64),
    );
    registry
}

/// A gauge whose value is read when the metrics are encoded.
struct Gauge<F>(F);

/// A counter whose value is read when the metrics are encoded.
struct Counter<F>(F);

macro_rules! read_when_encoded {
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

read_when_encoded!(Gauge, ConstGauge);
read_when_encoded!(Counter, ConstCounter);

/// Returns the resident memory of this process, in bytes. Only Linux provides it.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? * 1024)
}
