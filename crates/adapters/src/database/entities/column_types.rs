//! Column types that each database represents differently.
//!
//! SQLite has neither booleans nor times, and returns integers and text, which sea-orm's own types would read as null.

use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, Value, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable};

/// A time: `timestamptz` or `timestamp` on PostgreSQL, text on SQLite. A time without a zone is UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) DateTime<Utc>);

/// A boolean: an integer on SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

/// Formats without a zone that other programs write to SQLite.
const WITHOUT_ZONE: [&str; 2] = ["%F %T%.f", "%FT%T%.f"];

impl Time {
    fn parse(text: &str) -> Option<Self> {
        let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        let unzoned = || WITHOUT_ZONE.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        zoned.ok().or_else(|| Some(unzoned()?.and_utc())).map(Self)
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        time.0.into()
    }
}

impl ValueType for Time {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::ChronoDateTimeUtc(Some(time)) => Ok(Self(time)),
            Value::String(Some(text)) => Self::parse(&text).ok_or(ValueTypeErr),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "Time".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::ChronoDateTimeUtc
    }

    fn column_type() -> ColumnType {
        ColumnType::TimestampWithTimeZone
    }
}

impl Nullable for Time {
    fn null() -> Value {
        Value::ChronoDateTimeUtc(None)
    }
}

impl From<Flag> for Value {
    fn from(flag: Flag) -> Self {
        flag.0.into()
    }
}

impl ValueType for Flag {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::Bool(Some(value)) => Ok(Self(value)),
            Value::BigInt(Some(value)) => Ok(Self(value != 0)),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "Flag".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Bool
    }

    fn column_type() -> ColumnType {
        ColumnType::Boolean
    }
}

impl Nullable for Flag {
    fn null() -> Value {
        Value::Bool(None)
    }
}

/// Reads a column. A value of another type is an error, so that it is not read as null.
fn read<T: ValueType, I: ColIdx>(row: &QueryResult, index: I) -> Result<T, TryGetError> {
    let name = index.as_str().unwrap_or_default();
    let value = row.try_as_proxy_row().and_then(|row| row.values.get(name));
    let value = value.ok_or_else(|| DbErr::Type(format!("column \"{name}\" is missing")))?;
    if *value == value.as_null() {
        return Err(TryGetError::Null(name.to_owned()));
    }
    T::try_from(value.clone()).map_err(|ValueTypeErr| DbErr::Type(format!("column \"{name}\" cannot be read")).into())
}

impl TryGetable for Time {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        read(row, index)
    }
}

impl TryGetable for Flag {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        read(row, index)
    }
}
