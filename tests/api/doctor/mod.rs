//! `taskbridge doctor`: each check reports its own errors only, and changes nothing.

mod checks;
mod files;
mod privileges;
mod tables;

use std::path::Path;

use serde_json::Value;
use support::postgres::DATABASE_PASSWORD;
use support::server::{SECRET, outcome};

const CHECKS: [&str; 16] = [
    "settings",
    "secret",
    "cookies",
    "hash",
    "database",
    "tls",
    "migrations",
    "pool",
    "tasks",
    "tables",
    "restrictions",
    "emails",
    "jwks",
    "clock",
    "cors",
    "proxy",
];

/// Part of each secret. It must not appear in any output.
const CANARY: &str = "hunter2";

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Runs the doctor, and returns its status and report, in which it looks for secrets.
fn doctor(folder: &Path, variables: Variables<'_>) -> (Option<i32>, Value) {
    let (code, text) = outcome(folder, &["doctor", "--json"], variables);
    for secret in [CANARY, SECRET, DATABASE_PASSWORD] {
        assert!(!text.contains(secret), "{text}");
    }
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(report["ok"], code == Some(0), "{report}");
    (code, report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

fn with_state<'a>(report: &'a Value, state: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["state"] == state);
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

/// Asserts that the finding and the advice of a check contain these words.
fn tells(report: &Value, name: &str, found: &str, advice: &str) {
    let check = check(report, name);
    let has = |member: &str, words: &str| check[member].as_str().is_some_and(|text| text.contains(words));
    assert!(has("found", found) && has("advice", advice), "{found}, {advice}: {check}");
}
