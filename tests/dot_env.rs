//! What `@next/env` and `dotenv` read from `.env` files: the table with which the settings are tested.

use serde_json::{Value, json};
use support::better_auth::run;

/// The files, and what is read from them.
const TABLE: &str = include_str!("vectors/dot-env.json");

#[test]
fn the_table_is_what_the_packages_read() {
    let table: Value = serde_json::from_str(TABLE).unwrap();
    let cases = table["cases"].as_array().unwrap();
    let files: Value = cases.iter().map(|case| case["file"].clone()).collect();
    let variables = [("FILES", files.to_string()), ("ENVIRONMENT", table["environment"].to_string())];
    let read = run("env.mjs", &variables.each_ref().map(|(name, text)| (*name, text.as_str())));
    let read = read.as_array().unwrap();
    assert!(read.len() == cases.len() && read.len() >= 100);
    for (case, read) in cases.iter().zip(read) {
        assert_eq!(*read, json!({ "next": case["next"], "dotenv": case["dotenv"] }), "{}", case["file"]);
    }
}
