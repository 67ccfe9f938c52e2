//! What is measured of requests. Every label is one of a known few, whatever clients send.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::web::Data;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of the durations that are told apart, in seconds: below one millisecond what needs no database, around
/// ten what does, around a third of a second what hashes a password, and beyond what waits.
const BOUNDS: [f64; 16] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: Cow<'static, str>,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    method: &'static str,
    route: Cow<'static, str>,
}

/// Counts and times requests.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: Family<Answered, Counter>,
    durations: Family<Served, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            in_flight: Gauge::default(),
        }
    }
}

impl HttpMetrics {
    /// Makes them part of what is shown.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Requests answered", self.requests.clone());
        let durations = self.durations.clone();
        registry.register_with_unit("http_request_duration", "Time to an answer", Unit::Seconds, durations);
        registry.register("http_requests_in_flight", "Requests not answered yet", self.in_flight.clone());
    }

    /// Whether no request is waiting for its answer.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.in_flight.get() == 0
    }
}

/// A request on its way. Dropped without an answer, because its client has gone, it only ceases to be in flight.
pub(crate) struct InFlight(Data<HttpMetrics>);

impl InFlight {
    pub(crate) fn begin(metrics: Data<HttpMetrics>) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }

    /// `method` and `route` must be of a known few: each pair is kept for ever.
    pub(crate) fn answered(self, method: &'static str, route: Cow<'static, str>, status: u16, took: Duration) {
        let labels = Answered { method, route, status };
        self.0.requests.get_or_create(&labels).inc();
        let Answered { method, route, status: _ } = labels;
        self.0.durations.get_or_create(&Served { method, route }).observe(took.as_secs_f64());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
