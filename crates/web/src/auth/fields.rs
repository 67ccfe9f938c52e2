//! Types of the fields in request bodies below `/api/auth`, with the error messages of Better Auth's schema library,
//! zod.

use std::borrow::Cow;

use serde_json::Value;
use taskbridge_domain::text::InvalidText;
use taskbridge_domain::users::{Email, UserImage, UserName};
use validator::ValidationError;

use super::error::NUL;
use crate::extract::field::FieldValue;

impl FieldValue for String {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        match value {
            Some(Value::String(text)) => Ok(text),
            other => Err(invalid(wrong_type("string", other.as_ref()))),
        }
    }
}

impl FieldValue for bool {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        match value {
            Some(Value::Bool(value)) => Ok(value),
            other => Err(invalid(wrong_type("boolean", other.as_ref()))),
        }
    }
}

const EMPTY: &str = "Too small: expected string to have >=1 characters";

/// A string of at least one character.
pub(super) struct NonEmpty(pub(super) String);

impl FieldValue for NonEmpty {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        let text = String::parse(value)?;
        if text.is_empty() { Err(invalid(EMPTY)) } else { Ok(Self(text)) }
    }
}

/// A value or `null`.
pub(super) struct Nullable<T>(pub(super) Option<T>);

impl<T: FieldValue> FieldValue for Nullable<T> {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        if value == Some(Value::Null) { Ok(Self(None)) } else { T::parse(value).map(|value| Self(Some(value))) }
    }
}

impl FieldValue for Email {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(&String::parse(value)?).map_err(|_not_shown| invalid("Invalid email address"))
    }
}

impl FieldValue for UserName {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(String::parse(value)?).map_err(invalid_text)
    }
}

impl FieldValue for UserImage {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(String::parse(value)?).map_err(invalid_text)
    }
}

fn invalid_text(error: InvalidText) -> ValidationError {
    match error {
        InvalidText::Empty => invalid(EMPTY),
        InvalidText::TooLong { max_chars } => {
            invalid(format!("Too big: expected string to have <={max_chars} characters"))
        }
        InvalidText::Nul => invalid(NUL),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new("invalid").with_message(message.into())
}

/// Returns the error message for a value whose type is not `expected`. `received` is the value, or `None` if it is
/// absent.
pub(super) fn wrong_type(expected: &str, received: Option<&Value>) -> String {
    let received = match received {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    };
    format!("Invalid input: expected {expected}, received {received}")
}
