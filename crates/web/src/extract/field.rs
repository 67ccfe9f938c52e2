//! A field as a client gave it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Absent, `null`, a value, or something of another type. Reading one never fails, so that all faults of a body can
/// be told at once. (`validator` wants to be able to write one down.)
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Input<T> {
    #[default]
    Absent,
    Null,
    Value(T),
    OtherType,
}

/// Types a field can have.
pub(crate) trait FromJson: Sized {
    /// `None` when the value is of another type.
    fn from_json(value: Value) -> Option<Self>;
}

impl FromJson for String {
    fn from_json(value: Value) -> Option<Self> {
        if let Value::String(text) = value { Some(text) } else { None }
    }
}

impl FromJson for bool {
    fn from_json(value: Value) -> Option<Self> {
        value.as_bool()
    }
}

impl<'de, T: FromJson> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Null,
            value => T::from_json(value).map_or(Self::OtherType, Self::Value),
        })
    }
}
