//! Conversion between sea-orm's values and SQLite's.

use std::collections::BTreeMap;

use sea_orm::{ProxyRow, Statement, Value};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite as Driver, SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, Column, Row, TypeInfo, ValueRef};
use taskbridge_domain::Timestamp;

/// Binds the parameters of a statement. Times become text of the form `YYYY-MM-DDTHH:MM:SS.mmmZ`, which Better Auth
/// writes as well. Sorting these texts sorts the times.
pub(super) fn bound(statement: &Statement) -> Result<Query<'_, Driver, SqliteArguments>, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.as_str()));
    for value in statement.values.iter().flat_map(|values| &values.0) {
        query = match value {
            Value::Bool(value) => query.bind(*value),
            Value::Int(value) => query.bind(*value),
            Value::BigInt(value) => query.bind(*value),
            Value::BigUnsigned(value) => {
                let value = value.map(i64::try_from).transpose();
                query.bind(value.map_err(|error| sqlx::Error::Encode(error.into()))?)
            }
            Value::String(value) => query.bind(value.as_deref()),
            Value::ChronoDateTimeUtc(value) => query.bind(value.map(|time| Timestamp::new(time).to_string())),
            _ => return Err(sqlx::Error::Encode("a parameter has a type that cannot be sent to SQLite".into())),
        };
    }
    Ok(query)
}

/// Converts a row to sea-orm's form, in which columns are found by name. Each value is read by its own type, because
/// SQLite allows values of different types in one column.
pub(super) fn proxy_row(row: &SqliteRow) -> Result<ProxyRow, sqlx::Error> {
    let mut values = BTreeMap::new();
    for column in row.columns() {
        let index = column.ordinal();
        let value = row.try_get_raw(index)?;
        let value = match value.type_info().name() {
            _ if value.is_null() => Value::String(None),
            "INTEGER" | "BOOLEAN" | "INT4" => Value::BigInt(Some(row.try_get_unchecked(index)?)),
            "REAL" => Value::Double(Some(row.try_get_unchecked(index)?)),
            "TEXT" => Value::String(Some(row.try_get_unchecked(index)?)),
            _ => Value::Bytes(Some(row.try_get_unchecked(index)?)),
        };
        values.insert(column.name().to_owned(), value);
    }
    Ok(ProxyRow::new(values))
}
