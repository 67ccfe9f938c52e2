//! Request bodies and parameters: which are accepted, and how the others are rejected.

mod auth;
mod json;
mod media_types;
mod parameters;

use serde_json::json;
use support::raw::Answer;

use crate::site::{assert_error, parsed};

/// Asserts a 422 with exactly these validation errors, each with its location and type.
pub(crate) fn assert_faults(answer: &Answer, expected: &[(&[&str], &str)], name: &str) {
    assert_error(answer, 422, "VALIDATION_ERROR", name);
    let body = parsed(answer);
    let faults = body["detail"].as_array().unwrap().iter().map(|fault| json!([fault["loc"], fault["type"]]));
    let expected = expected.iter().map(|(place, kind)| json!([place, kind]));
    assert_eq!(faults.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
}
