//! The table of endpoints in docs/auth-server.md, in which each column is the result of a test.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/auth-server.md");
const PACKAGES: &str = include_str!("../better-auth/package.json");

/// The lines before and after the table.
const MARKS: [&str; 2] = ["<!-- found by the tests: begin -->\n", "<!-- found by the tests: end -->\n"];

/// The variable that updates the page.
const UPDATE: &str = "TASKBRIDGE_UPDATE_DOCS";

/// The endpoints of the protocol that Taskbridge implements, and a name for all others.
const ENDPOINTS: [&str; 20] = [
    "POST /sign-up/email",
    "POST /sign-in/email",
    "POST /sign-out",
    "GET /get-session",
    "POST /get-session",
    "GET /list-sessions",
    "POST /revoke-session",
    "POST /revoke-sessions",
    "POST /revoke-other-sessions",
    "POST /update-session",
    "POST /update-user",
    "POST /change-password",
    "POST /verify-password",
    "POST /delete-user",
    "GET /list-accounts",
    "GET /token",
    "GET /jwks",
    "GET /ok",
    "GET /error",
    ELSEWHERE,
];
const ELSEWHERE: &str = "anything else";

/// A column of the table. A test fills each of them.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// Number of recorded requests with the same answer.
    Recorded,
    /// Whether the calls of the official client have the same result.
    Client,
    /// Whether tests call it on both servers, on one database.
    Together,
}

const TITLES: [&str; 3] = ["recorded requests answered alike", "by the official client", "beside Better Auth"];

/// Returns the endpoint of a request: its name in the table.
#[must_use]
pub fn endpoint(method: &str, path: &str) -> &'static str {
    let path = path.split('?').next().unwrap().trim_start_matches("/api/auth");
    let request = format!("{method} {path}");
    ENDPOINTS.into_iter().find(|endpoint| *endpoint == request).unwrap_or(ELSEWHERE)
}

/// Returns the endpoints whose paths occur in the source of a program.
#[must_use]
pub fn endpoints_in(source: &str) -> Vec<&'static str> {
    let is_there = |endpoint: &&str| {
        let path = endpoint.split_once(' ').unwrap().1;
        *endpoint != "POST /get-session" && source.contains(&format!("\"{path}\""))
    };
    ENDPOINTS.into_iter().filter(is_there).collect()
}

/// Compares results by endpoint with a column of the page. An endpoint without a result has an empty cell.
pub fn is_on_the_page(column: Column, found: &BTreeMap<&'static str, String>) {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (table, after) = rest.split_once(MARKS[1]).unwrap();
    let updated = with_column(table, column, found);
    if updates() {
        fs::write(PAGE, [before, MARKS[0], &updated, MARKS[1], after].concat()).unwrap();
    } else {
        assert_eq!(table, updated, "docs/auth-server.md is out of date; run this test again with {UPDATE}=1");
    }
}

fn with_column(table: &str, column: Column, found: &BTreeMap<&'static str, String>) -> String {
    let packages: Value = serde_json::from_str(PACKAGES).unwrap();
    let version = packages["dependencies"]["better-auth"].as_str().unwrap();
    let mut lines = vec![
        format!("| better-auth {version} | {} |", TITLES.join(" | ")),
        format!("| --- |{}", " --- |".repeat(TITLES.len())),
    ];
    for endpoint in ENDPOINTS {
        let name = if endpoint == ELSEWHERE { endpoint.to_owned() } else { format!("`{endpoint}`") };
        let start = format!("| {name} | ");
        let old = table.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix(" |"));
        let mut cells: Vec<_> = old.map_or_else(Vec::new, |row| row.split(" | ").map(str::to_owned).collect());
        cells.resize(TITLES.len(), String::new());
        cells[column as usize] = found.get(endpoint).cloned().unwrap_or_default();
        lines.push(format!("{start}{} |", cells.join(" | ")));
    }
    lines.join("\n") + "\n"
}

#[expect(clippy::disallowed_methods, reason = "whether the page is to be written")]
fn updates() -> bool {
    std::env::var(UPDATE).is_ok_and(|value| value == "1")
}
