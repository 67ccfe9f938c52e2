//! Statements whose parameter is a list of rows or values as JSON.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement};
use serde::Serialize;

use crate::catalog;
use crate::error::{reason, refused};

/// Returns the values as JSON, of which a statement makes rows: one parameter is enough for a batch.
pub(super) fn json(values: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(values).map_err(|error| DbErr::Json(error.to_string()))
}

/// Executes a statement with values.
pub(super) async fn execute<const N: usize>(
    db: &DatabaseConnection,
    sql: &str,
    values: [&str; N],
) -> Result<(), DbErr> {
    let statement = Statement::from_sql_and_values(db.get_database_backend(), sql, values.map(Into::into));
    db.execute_raw(statement).await.map(drop)
}

/// Selects the rows of a table in which an expression has one of the values.
pub(super) async fn matching(
    db: &DatabaseConnection,
    expression: &str,
    table: &str,
    selected: &[(&str, &str)],
    values: &[String],
) -> Result<Vec<QueryResult>, DbErr> {
    let list = if db.get_database_backend() == DbBackend::Postgres {
        "select value from json_array_elements_text($1::text::json) as list (value)"
    } else {
        "select value from json_each(?1)"
    };
    let selected: Vec<_> = selected.iter().map(|(value, name)| format!("{value} as \"{name}\"")).collect();
    let sql = format!("select {} from {table} where {expression} in ({list})", selected.join(", "));
    catalog::rows(db, &sql, [&json(&values)?]).await
}

/// Returns the error for a statement that needs more privileges than the server does.
pub(super) fn unprivileged(table: &str, error: &DbErr) -> DbErr {
    let why = format!("{}; run the import as the role that applies the migrations", reason(error));
    refused(table, &why)
}
