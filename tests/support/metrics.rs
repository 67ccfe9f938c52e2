//! The metrics of a server, in the format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::server::Server;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// The result of a scrape: the value of each series, by name and labels.
#[derive(Debug)]
pub struct Scrape(BTreeMap<String, String>);

impl Scrape {
    /// Scrapes a server with metrics enabled, and checks the format.
    pub async fn of(server: &Server) -> Self {
        let address = server.metrics.as_ref().unwrap_or_else(|| panic!("no metrics are shown"));
        let response = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
        assert_eq!(response.status(), 200);
        let media_type = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        Self::parse(&response.text().await.unwrap())
    }

    /// Scrapes repeatedly until the condition holds.
    pub async fn until(server: &Server, holds: impl Fn(&Self) -> bool) -> Self {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "it never held");
            let scrape = Self::of(server).await;
            if holds(&scrape) {
                return scrape;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Returns the value of a counter, or 0 if the series does not exist.
    #[must_use]
    pub fn count(&self, series: &str) -> u64 {
        self.0.get(series).map_or(0, |value| value.parse().unwrap())
    }

    /// Returns the value of a gauge or sum.
    #[must_use]
    pub fn measure(&self, series: &str) -> f64 {
        self.0[series].parse().unwrap()
    }

    /// Returns all series whose name begins with `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |series| series.starts_with(name)).map(String::as_str)
    }

    /// Parses the subset of `OpenMetrics` 1.0 that the server uses, and checks it: each family occurs once, with its
    /// description before its samples, whose suffixes fit the type; no series occurs twice; buckets are cumulative.
    fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("no end: {text}"));
        let (mut families, mut series) = (BTreeSet::new(), BTreeMap::new());
        let (mut family, mut kind, mut in_bucket) = (String::new(), String::new(), (0, String::new()));
        for line in body.lines() {
            let words: Vec<_> = line.splitn(4, ' ').collect();
            match words.as_slice() {
                ["#", "HELP", name, _] => {
                    assert!(families.insert((*name).to_owned()), "described twice: {line}");
                    (*name).clone_into(&mut family);
                    kind.clear();
                }
                ["#", "TYPE", name, of] => {
                    assert!(*name == family && kind.is_empty(), "{line}");
                    (*of).clone_into(&mut kind);
                }
                ["#", "UNIT", name, unit] => assert!(*name == family && name.ends_with(unit), "{line}"),
                _ => {
                    let (name, labels, value) = sample(line);
                    let suffix = name.strip_prefix(&family).unwrap_or_else(|| panic!("of no family: {line}"));
                    let suffixes: &[&str] = match kind.as_str() {
                        "gauge" => &[""],
                        "counter" => &["_total"],
                        "info" => &["_info"],
                        "histogram" => &["_sum", "_count", "_bucket"],
                        _ => panic!("of what type? {line}"),
                    };
                    assert!(suffixes.contains(&suffix), "{line}");
                    if let Some((bound, rest)) = bucket(labels) {
                        let (below, of) = &in_bucket;
                        let count: u64 = value.parse().unwrap();
                        assert!(of != rest || *below <= count, "fewer in a wider bucket: {line}");
                        if bound == "+Inf" {
                            assert_eq!(series.get(&format!("{family}_count{{{rest}}}")), Some(&value), "{line}");
                        }
                        in_bucket = (count, rest.to_owned());
                    }
                    let key = if labels.is_empty() { name.to_owned() } else { format!("{name}{{{labels}}}") };
                    assert!(series.insert(key, value).is_none(), "there twice: {line}");
                }
            }
        }
        Self(series)
    }
}

/// Splits a line into name, labels and value.
fn sample(line: &str) -> (&str, &str, String) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    assert!(value.parse::<f64>().is_ok(), "no number: {line}");
    let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| {
        (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("open labels: {line}")))
    });
    let is_name =
        |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
    assert!(is_name(name), "{line}");
    for label in labels.split("\",").filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        assert!(is_name(name) && !value.trim_end_matches('"').contains(['"', '\\', '\n']), "{line}");
    }
    (name, labels, value.to_owned())
}

/// Returns the upper bound of a bucket, and its other labels.
fn bucket(labels: &str) -> Option<(&str, &str)> {
    labels.strip_prefix("le=\"")?.split_once("\",")
}
