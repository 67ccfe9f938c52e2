//! Conversion between sea-orm's values and those of PostgreSQL, by the type of each column.
//!
//! Parameters are sent as text without a type, so that PostgreSQL infers the type: the same statement works on a
//! `text`, `uuid` or `integer` column, and on a `timestamp` with or without a time zone.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::{self, Write};

use bytes::BytesMut;
use chrono::{DateTime, NaiveDateTime, Utc};
use sea_orm::{ProxyRow, Value};
use tokio_postgres::Row;

use crate::database::entities::column_types::{Flag, RowId, Time};
use tokio_postgres::types::{Format, FromSql, IsNull, ToSql, Type, to_sql_checked};

/// An error from converting a value.
#[derive(Debug, thiserror::Error)]
pub(in crate::database) enum ValueError {
    /// The type of a parameter is not supported.
    #[error("a parameter has a type that cannot be sent to PostgreSQL")]
    Parameter,
    /// The type of a result column is not supported.
    #[error("column \"{column}\" has the type {data_type}, which cannot be read; cast it to text")]
    Column {
        /// The name of the column.
        column: String,
        /// The name of its type in PostgreSQL.
        data_type: String,
    },
    /// A result column is missing.
    #[error("column \"{column}\" is missing")]
    Missing {
        /// The name of the column.
        column: &'static str,
    },
    /// A result value cannot be represented, such as the time `infinity`.
    #[error("a value cannot be read: {error}{}", reason(error))]
    Content {
        /// The driver's error.
        #[from]
        error: tokio_postgres::Error,
    },
}

/// Returns the cause of `error`, which the text of `error` itself omits.
fn reason(error: &tokio_postgres::Error) -> String {
    error.source().map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// A statement parameter. Its `Debug` output does not contain the value.
#[derive(Clone, Copy)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameter(..)")
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _type: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let written = match self.0 {
            Value::Bool(value) => value.map(|value| write!(out, "{value}")),
            Value::Int(value) => value.map(|value| write!(out, "{value}")),
            Value::BigInt(value) => value.map(|value| write!(out, "{value}")),
            Value::Unsigned(value) => value.map(|value| write!(out, "{value}")),
            Value::BigUnsigned(value) => value.map(|value| write!(out, "{value}")),
            Value::String(value) => value.as_ref().map(|value| {
                out.extend_from_slice(value.as_bytes());
                Ok(())
            }),
            // A column without a time zone ignores the `Z` and stores UTC.
            Value::ChronoDateTimeUtc(value) => value.map(|value| write!(out, "{}", value.format("%FT%T%.6fZ"))),
            _ => return Err(ValueError::Parameter.into()),
        };
        match written {
            Some(result) => result.map(|()| IsNull::No).map_err(Into::into),
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_type: &Type) -> bool {
        true
    }

    fn encode_format(&self, _type: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// Converts a row to sea-orm's form, in which columns are found by name.
pub(super) fn proxy_row(row: &Row) -> Result<ProxyRow, ValueError> {
    let mut values = BTreeMap::new();
    for (index, column) in row.columns().iter().enumerate() {
        let (name, data_type) = (column.name().to_owned(), column.type_());
        let Some(value) = read(row, index, data_type)? else {
            return Err(ValueError::Column { column: name, data_type: data_type.name().to_owned() });
        };
        values.insert(name, value);
    }
    Ok(ProxyRow::new(values))
}

/// Reads a column. Returns `None` if its type is not supported. All integers become `i64`, a time without a zone is
/// UTC, and a UUID becomes text.
fn read(row: &Row, index: usize, data_type: &Type) -> Result<Option<Value>, tokio_postgres::Error> {
    Ok(Some(match *data_type {
        Type::BOOL => Value::Bool(row.try_get(index)?),
        Type::INT2 | Type::INT4 | Type::INT8 => {
            Value::BigInt(row.try_get::<_, Option<Integer>>(index)?.map(|integer| integer.0))
        }
        ref text if Text::accepts(text) => Value::String(row.try_get::<_, Option<Text>>(index)?.map(|text| text.0)),
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            Value::ChronoDateTimeUtc(row.try_get::<_, Option<Time>>(index)?.map(|time| time.0))
        }
        _ => return Ok(None),
    }))
}

/// The value of an integer column of any size.
pub(in crate::database) struct Integer(pub(in crate::database) i64);

impl<'a> FromSql<'a> for Integer {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *data_type {
            Type::INT2 => i16::from_sql(data_type, raw)?.into(),
            Type::INT4 => i32::from_sql(data_type, raw)?.into(),
            _ => i64::from_sql(data_type, raw)?,
        }))
    }

    fn accepts(data_type: &Type) -> bool {
        matches!(*data_type, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *data_type {
            Type::TIMESTAMP => NaiveDateTime::from_sql(data_type, raw)?.and_utc(),
            _ => DateTime::<Utc>::from_sql(data_type, raw)?,
        }))
    }

    fn accepts(data_type: &Type) -> bool {
        matches!(*data_type, Type::TIMESTAMP | Type::TIMESTAMPTZ)
    }
}

impl<'a> FromSql<'a> for RowId {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(if Integer::accepts(data_type) {
            Integer::from_sql(data_type, raw)?.0.to_string()
        } else {
            Text::from_sql(data_type, raw)?.0
        }))
    }

    fn accepts(data_type: &Type) -> bool {
        Integer::accepts(data_type) || Text::accepts(data_type)
    }
}

impl<'a> FromSql<'a> for Flag {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        bool::from_sql(data_type, raw).map(Self)
    }

    fn accepts(data_type: &Type) -> bool {
        *data_type == Type::BOOL
    }
}

/// Text, or a UUID in its text form: lower-case hexadecimal digits in groups (RFC 9562, section 4).
struct Text(String);

impl<'a> FromSql<'a> for Text {
    fn from_sql(data_type: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        if *data_type != Type::UUID {
            return String::from_sql(data_type, raw).map(Self);
        }
        let mut text = String::with_capacity(36);
        for (index, byte) in raw.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            write!(text, "{byte:02x}")?;
        }
        Ok(Self(text))
    }

    fn accepts(data_type: &Type) -> bool {
        matches!(*data_type, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UUID)
    }
}
