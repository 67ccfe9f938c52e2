//! What a server shows of itself to Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::server::Server;

/// How long anything may take before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// One scrape: the value of each series, by its name and labels, all as they are written.
#[derive(Debug)]
pub struct Scrape(BTreeMap<String, String>);

impl Scrape {
    /// Asks the server, which must show its metrics, and reads the answer strictly.
    pub async fn of(server: &Server) -> Self {
        let address = server.metrics.as_ref().unwrap_or_else(|| panic!("no metrics are shown"));
        let response = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
        assert_eq!(response.status(), 200);
        let media_type = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        Self::parse(&response.text().await.unwrap())
    }

    /// Asks again and again until this holds.
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

    /// The value of a series that counts something; 0 when there is none yet.
    #[must_use]
    pub fn count(&self, series: &str) -> u64 {
        self.0.get(series).map_or(0, |value| value.parse().unwrap())
    }

    /// The value of a series that measures something.
    #[must_use]
    pub fn measure(&self, series: &str) -> f64 {
        self.0[series].parse().unwrap()
    }

    /// All series whose name starts like this.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |series| series.starts_with(name)).map(String::as_str)
    }

    /// `OpenMetrics` 1.0, as far as it is used: every family is there once, described before its samples, which have the
    /// suffixes of its type; no series is there twice; buckets add up.
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

/// Name, labels and value of a line.
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

/// The bound of a bucket, and its other labels.
fn bucket(labels: &str) -> Option<(&str, &str)> {
    labels.strip_prefix("le=\"")?.split_once("\",")
}
