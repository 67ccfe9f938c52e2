//! Request bodies and parameters, honest and hostile: what is accepted, and what is refused and how.

mod auth;
mod json;
mod media_types;
mod parameters;

use serde_json::json;
use support::raw::Answer;

use crate::site::{assert_error, parsed};

/// 422 with exactly these faults: the place, and the type.
pub(crate) fn assert_faults(answer: &Answer, expected: &[(&[&str], &str)], name: &str) {
    assert_error(answer, 422, "VALIDATION_ERROR", name);
    let body = parsed(answer);
    let faults = body["detail"].as_array().unwrap().iter().map(|fault| json!([fault["loc"], fault["type"]]));
    let expected = expected.iter().map(|(place, kind)| json!([place, kind]));
    assert_eq!(faults.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
}
