//! Column types that each database represents differently.
//!
//! SQLite has no boolean or time types, and returns integers and text instead. sea-orm's own types would read these as
//! null.

use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable};

/// A time: `timestamptz` or `timestamp` on PostgreSQL, text on SQLite. A time without a zone is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub DateTime<Utc>);

/// A boolean, which SQLite stores as an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

/// An id: text, a UUID in its text form, or an integer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowId(pub String);

/// Formats of times without a time zone, as other programs write them to SQLite.
const WITHOUT_ZONE: [&str; 2] = ["%F %T%.f", "%FT%T%.f"];

impl Time {
    fn parse(text: &str) -> Option<Self> {
        let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        let unzoned = || WITHOUT_ZONE.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        zoned.ok().or_else(|| Some(unzoned()?.and_utc())).map(Self)
    }

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::ChronoDateTimeUtc(Some(time)) => Some(Self(*time)),
            Value::String(Some(text)) => Self::parse(text),
            _ => None,
        }
    }
}

impl Flag {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(Some(value)) => Some(Self(*value)),
            Value::BigInt(Some(value)) => Some(Self(*value != 0)),
            _ => None,
        }
    }
}

impl RowId {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(Some(text)) => Some(Self(text.clone())),
            Value::BigInt(Some(integer)) => Some(Self(integer.to_string())),
            _ => None,
        }
    }
}

/// Implements the traits of a column type, which sea-orm represents by `Value::$variant`.
macro_rules! column_type {
    ($type:ident, $variant:ident, $column_type:ident) => {
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                value.0.into()
            }
        }

        impl ValueType for $type {
            fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
                Self::from_value(&value).ok_or(ValueTypeErr)
            }

            fn type_name() -> String {
                stringify!($type).to_owned()
            }

            fn array_type() -> ArrayType {
                ArrayType::$variant
            }

            fn column_type() -> ColumnType {
                ColumnType::$column_type
            }
        }

        impl Nullable for $type {
            fn null() -> Value {
                Value::$variant(None)
            }
        }

        impl TryGetable for $type {
            fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
                read(row, index)
            }
        }
    };
}

column_type!(Time, ChronoDateTimeUtc, TimestampWithTimeZone);
column_type!(Flag, Bool, Boolean);
column_type!(RowId, String, Text);

/// Reads a column. Returns an error if the value has another type, because sea-orm itself would return null.
fn read<T: ValueType, I: ColIdx>(row: &QueryResult, index: I) -> Result<T, TryGetError> {
    let name = index.as_str().unwrap_or_default();
    let value = row.try_as_proxy_row().and_then(|row| row.values.get(name));
    let value = value.ok_or_else(|| DbErr::Type(format!("column \"{name}\" is missing")))?;
    if *value == value.as_null() {
        return Err(TryGetError::Null(name.to_owned()));
    }
    T::try_from(value.clone()).map_err(|ValueTypeErr| DbErr::Type(format!("column \"{name}\" cannot be read")).into())
}
