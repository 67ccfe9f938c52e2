//! The alerts in deploy/alerts.yaml.

use std::collections::BTreeSet;
use std::path::Path;

use support::metrics::Scrape;
use support::{Server, User};

use crate::page::{drill, run};

const ALERTS: &str = include_str!("../../deploy/alerts.yaml");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Returns the words in the expressions of the alerts that begin with one of these prefixes.
fn metrics() -> BTreeSet<&'static str> {
    let words = ALERTS.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("taskbridge_") || word.starts_with("process_")).collect()
}

#[tokio::test]
async fn alerts_use_metrics_that_exist() {
    let server = Server::start_with(&[("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0")]);
    let ann = User::sign_up(&server, "ann").await;
    ann.list().await;
    // Lines are dropped, and counted, only if the log has a buffer.
    let buffered = server.again_with(&[("TASKBRIDGE__LOG__BUFFER_BYTES", "4194304")]);
    let scrapes = [Scrape::of(&server).await, Scrape::of(&buffered).await];
    assert!(metrics().len() >= 8, "{:?}", metrics());
    for metric in metrics() {
        let exists = |scrape: &Scrape| scrape.all(metric).any(|series| series.split('{').next() == Some(metric));
        assert!(scrapes.iter().any(exists), "{metric}");
    }
    // Each cause that an alert names is counted from the start.
    let causes = ALERTS.split("cause=~\"").skip(1).flat_map(|rest| rest.split('"').next().unwrap().split('|'));
    let causes: Vec<_> = causes.collect();
    assert!(causes.len() >= 3, "{causes:?}");
    for cause in causes {
        let label = format!("cause=\"{cause}\"");
        assert!(scrapes[0].all("taskbridge_refusals_total").any(|series| series.contains(&label)), "{cause}");
    }
}

/// Each alert says what happens, and names the section of a page that says what to do.
#[test]
fn alerts_say_what_to_do() {
    let alerts: Vec<_> = ALERTS.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 8);
    for alert in alerts {
        let value = |name: &str| {
            let line = alert.lines().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in: {alert}")).trim()
        };
        assert!(["warning", "critical"].contains(&value("severity:")), "{alert}");
        assert!(!value("summary:").is_empty() && !value("for:").is_empty());
        let (page, anchor) = value("action:").rsplit_once(' ').unwrap().1.split_once('#').unwrap();
        let page = std::fs::read_to_string(root().join(page)).unwrap();
        let headings = page.lines().filter(|line| line.starts_with('#'));
        let mut anchors = headings.map(|line| line.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-"));
        assert!(anchors.any(|found| found == anchor), "{anchor}");
    }
}

/// Prometheus accepts the file, and its unit tests raise each alert and none besides.
#[test]
fn promtool_accepts_the_alerts_and_their_tests() {
    let checked = run(root(), drill("alerts"), &[]);
    let count = ALERTS.matches("- alert: ").count();
    assert!(checked.contains(&format!("SUCCESS: {count} rules found")), "{checked}");
    let tests = include_str!("alerts.yaml");
    for name in ALERTS.split("- alert: ").skip(1).map(|alert| alert.lines().next().unwrap()) {
        assert!(
            tests.contains(&format!("alertname: {name}\n        exp_alerts:\n          -")),
            "{name} is never raised"
        );
    }
    let tested = run(root(), "promtool test rules tests/operations/alerts.yaml", &[]);
    assert!(tested.contains("SUCCESS"), "{tested}");
}
