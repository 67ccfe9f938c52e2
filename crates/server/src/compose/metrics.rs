//! The metrics that the server collects.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use taskbridge_adapters::concurrency::StatementLoad;
use taskbridge_adapters::database::Store;
use taskbridge_adapters::passwords::HashingLoad;
use taskbridge_domain::Timestamp;
use taskbridge_web::{HttpMetrics, UnsentResponses};

use crate::connection_table::ConnectionTable;
use crate::telemetry::LogQueue;

/// Returns the metrics of a process that started at `started`.
pub(super) fn registry(started: Timestamp, http: &HttpMetrics, current: CurrentValues) -> Registry {
    let mut registry = Registry::default();
    registry.register_with_unit(
        "process_start_time",
        "Start time of the process, in seconds since 1970",
        Unit::Seconds,
        ConstGauge::new(started.unix_seconds()),
    );
    registry.register_collector(Box::new(current));
    let ours = registry.sub_registry_with_prefix("taskbridge");
    let build = [("version", env!("CARGO_PKG_VERSION")), ("commit", env!("TASKBRIDGE_COMMIT"))];
    ours.register("build", "Version and commit of the program", Info::new(build));
    http.register(ours);
    registry
}

/// Metrics whose values are read anew for each response of `/metrics`.
#[derive(Debug)]
pub(super) struct CurrentValues {
    /// `None` in bridge mode, which hashes no passwords.
    pub(super) hashing: Option<Arc<HashingLoad>>,
    pub(super) task_load: Arc<StatementLoad>,
    pub(super) store: Store,
    pub(super) unsent: Arc<UnsentResponses>,
    /// `None` if log lines do not wait in a queue.
    pub(super) log: Option<LogQueue>,
    /// The connections of the API.
    pub(super) connections: Arc<ConnectionTable>,
}

impl Collector for CurrentValues {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = |name: &str, help: &str, unit: Option<&Unit>, value: &dyn EncodeMetric| {
            value.encode(encoder.encode_descriptor(name, help, unit, value.metric_type())?)
        };
        let gauge = |value: usize| ConstGauge::new(value as u64);
        if let Some(bytes) = resident_memory() {
            let help = "Resident memory of the process";
            metric("process_resident_memory", help, Some(&Unit::Bytes), &ConstGauge::new(bytes))?;
        }
        if let Some(hashing) = &self.hashing {
            let help = "Passwords waiting to be hashed";
            metric("taskbridge_hashing_waiting", help, None, &gauge(hashing.waiting()))?;
            let help = "Threads that are hashing a password";
            metric("taskbridge_hashing_busy", help, None, &gauge(hashing.busy()))?;
            let help = "Passwords refused because the queue was full";
            metric("taskbridge_hashing_refused", help, None, &ConstCounter::new(hashing.refused()))?;
        }
        let help = "Statements on tasks waiting until tasks.concurrent_per_user or concurrent_searches allows them";
        metric("taskbridge_tasks_waiting", help, None, &gauge(self.task_load.waiting()))?;
        let help = "Statements on tasks refused because they waited for too long";
        metric("taskbridge_tasks_refused", help, None, &ConstCounter::new(self.task_load.refused()))?;
        let help = "Size of large responses that clients have not read";
        metric("taskbridge_unsent_response", help, Some(&Unit::Bytes), &gauge(self.unsent.bytes()))?;
        let help = "Responses refused because of the size of those that clients have not read";
        metric("taskbridge_unsent_responses_refused", help, None, &ConstCounter::new(self.unsent.refused()))?;
        if let Some(log) = &self.log {
            let help = "Log lines dropped because the log was not read fast enough";
            metric("taskbridge_log_lines_dropped", help, None, &ConstCounter::new(log.dropped()))?;
        }
        let open = self.connections.open_connections();
        metric("taskbridge_http_connections", "Open connections of clients", None, &gauge(open))?;
        let help = "Connections refused because their client network had too many";
        metric("taskbridge_http_connections_refused", help, None, &ConstCounter::new(self.connections.refused()))?;
        let help = "Connections without a request that were closed to make room for others";
        let closed = ConstCounter::new(self.connections.closed_to_make_room());
        metric("taskbridge_http_connections_closed_to_make_room", help, None, &closed)?;
        let (open, idle) = self.store.connections();
        metric("taskbridge_database_connections", "Open connections in the pool", None, &gauge(open))?;
        metric("taskbridge_database_connections_idle", "Idle connections in the pool", None, &gauge(idle))
    }
}

/// Returns the resident memory of this process, in bytes. Returns `None` on systems other than Linux, which do not have
/// this file.
fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"))?;
    Some(kibibytes.trim().parse::<u64>().ok()? * 1024)
}
