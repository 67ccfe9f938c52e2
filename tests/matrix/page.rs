//! docs/moving.md and docs/bridge.md name the releases and adapters that these tests run.

use std::fs;

use serde_json::Value;

use crate::apps::FOLDER;
use crate::bridge;
use crate::row::{Asked, Row};
use crate::rows::ROWS;

/// Returns the version of a package.
fn version(package: &str) -> String {
    let text = fs::read_to_string(format!("{FOLDER}/package.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["dependencies"][package].as_str().unwrap().strip_prefix("npm:better-auth@").unwrap().into()
}

/// Returns the versions with which the app of a row ran.
fn versions(row: &Row) -> String {
    row.releases.iter().map(|package| version(package)).collect::<Vec<_>>().join(", then ")
}

/// Returns the rows as a table. Rows that differ only in the versions are one line.
fn table() -> String {
    let mut lines = vec!["| Tables | better-auth | What you do |".into(), "| --- | --- | --- |".into()];
    for rows in ROWS.chunk_by(|one, other| one.tables == other.tables && one.asked == other.asked) {
        let asked = match rows[0].asked {
            Asked::Nothing => "nothing".into(),
            Asked::Sql(statement) => format!("`{statement}`"),
            Asked::Settings(settings) => {
                let settings: Vec<_> = settings.iter().map(|(name, value)| format!("`{name} = \"{value}\"`")).collect();
                format!("set {}", settings.join(" and "))
            }
        };
        let versions: Vec<_> = rows.iter().map(versions).collect();
        lines.push(format!("| {} | {} | {asked} |", rows[0].tables, versions.join("; ")));
    }
    lines.join("\n")
}

/// Asserts that a page has this text between its markers, or writes it there if the variable `UPDATE_SNAPSHOTS` is set.
#[expect(clippy::disallowed_methods, reason = "whether the pages are written")]
fn has(name: &str, text: &str) {
    const MARKERS: [&str; 2] = ["<!-- from tests/matrix -->", "<!-- end -->"];
    let path = format!("{FOLDER}/../../docs/{name}");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(MARKERS[0]).unwrap();
    let (found, after) = rest.split_once(MARKERS[1]).unwrap();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, [before, MARKERS[0], "\n", text, "\n", MARKERS[1], after].concat()).unwrap();
    } else {
        assert_eq!(found.trim(), text, "run make snapshots, which writes docs/{name}");
    }
}

#[test]
fn the_page_about_moving_shows_the_rows() {
    has("moving.md", &table());
}

#[test]
fn the_page_about_bridge_mode_names_the_releases() {
    let versions = bridge::RELEASES.map(version);
    let (last, others) = versions.split_last().unwrap();
    let sentence = format!("The tests verify its tokens with better-auth {} and {last}.", others.join(", "));
    has("bridge.md", &sentence);
}
