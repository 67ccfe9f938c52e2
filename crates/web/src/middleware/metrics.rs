//! Metrics of requests. Each label has a limited number of values, so that clients cannot use up the memory.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::web::Data;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::refusal_cause::RefusalCause;

/// Upper bounds of the histogram buckets, in seconds. Requests that do not use the database take less than a
/// millisecond, those that do around 10 ms, and those that hash a password around 300 ms.
const BOUNDS: [f64; 16] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResponseLabels {
    method: &'static str,
    route: Cow<'static, str>,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    status: u16,
    cause: &'static str,
}

impl From<RefusalCause> for RefusalLabels {
    fn from(cause: RefusalCause) -> Self {
        Self { status: cause.status().as_u16(), cause: cause.word() }
    }
}

/// Counters and histograms of requests.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: Family<ResponseLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Family<RefusalLabels, Counter>,
    in_flight: Gauge,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let refusals = Family::<RefusalLabels, Counter>::default();
        // Prometheus does not notice the first increment of a counter that did not exist before.
        for cause in RefusalCause::ALL {
            drop(refusals.get_or_create(&(*cause).into()));
        }
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            refusals,
            in_flight: Gauge::default(),
        }
    }
}

impl HttpMetrics {
    /// Adds the metrics to `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("http_requests", "Number of requests that received a response", self.requests.clone());
        let durations = self.durations.clone();
        registry.register_with_unit(
            "http_request_duration",
            "Time between a request and its response",
            Unit::Seconds,
            durations,
        );
        let help = "Number of requests that were refused, by cause";
        registry.register("refusals", help, self.refusals.clone());
        registry.register("http_requests_in_flight", "Number of requests without a response", self.in_flight.clone());
    }

    /// Counts a refusal.
    pub fn count_refusal(&self, cause: RefusalCause) {
        self.refusals.get_or_create(&cause.into()).inc();
    }
}

/// A request that has no response yet. If it is dropped, because the client has disconnected, it is not counted in
/// `http_requests`.
pub(crate) struct InFlight(Data<HttpMetrics>);

impl InFlight {
    pub(crate) fn begin(metrics: Data<HttpMetrics>) -> Self {
        metrics.in_flight.inc();
        Self(metrics)
    }

    /// Records a response. `method` and `route` must have a limited number of values, because the counters of each pair
    /// stay in memory forever.
    pub(crate) fn finish(
        self,
        method: &'static str,
        route: Cow<'static, str>,
        status: u16,
        cause: Option<RefusalCause>,
        took: Duration,
    ) {
        if let Some(cause) = cause {
            self.0.count_refusal(cause);
        }
        let labels = ResponseLabels { method, route, status };
        self.0.requests.get_or_create(&labels).inc();
        let ResponseLabels { method, route, status: _ } = labels;
        self.0.durations.get_or_create(&RouteLabels { method, route }).observe(took.as_secs_f64());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}
