//! The values of parameters of URL queries.

use serde_json::Value;
use taskbridge_domain::owned::PageSize;
use utoipa::openapi::schema::ObjectBuilder;
use validator::ValidationError;

use super::field::{FieldValue, invalid};
use crate::json_schema::integer;

impl FieldValue for PageSize {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "int_range", "must be a number from 1 to 1000", |text| Self::new(text.parse().ok()?))
    }
}

/// Returns the schema of a page size.
pub(crate) fn page_size(description: &str) -> ObjectBuilder {
    let schema = integer(1, PageSize::MAX.into()).default(Some(PageSize::default().count().into()));
    schema.description(Some(description))
}

/// Parses the value of a parameter. If it is invalid, returns an error that has `kind` as its `type` and `expected` as its
/// `msg`.
///
/// # Errors
/// Returns the error for the client.
pub fn parse<T>(
    value: Option<&Value>,
    kind: &'static str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ValidationError> {
    parse(text(value)).ok_or_else(|| invalid(kind, expected))
}

/// Returns the text of a parameter; empty if it is absent.
#[must_use]
pub fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
