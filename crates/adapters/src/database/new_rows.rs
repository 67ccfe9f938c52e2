//! New rows in Better Auth's tables, whose ids have the kind that each table requires.

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbBackend, DbErr, Insert, QueryTrait, Statement, Value};
use taskbridge_domain::ports::{IdGenerator, StoreError};
use taskbridge_schema::{AuthTable, Generated, IdKind, SchemaMap};

use super::Store;
use super::connection_pool::Transaction;
use super::error::{Inconsistency, store_error};
use crate::ids::{SecureIds, new_uuid};

impl Store {
    /// Returns a new id for a row of each of these tables. Integers come from the sequences of the tables, all in one
    /// statement.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails, or if a column of integers has no sequence.
    pub(super) async fn new_ids<const N: usize>(&self, tables: [AuthTable; N]) -> Result<[String; N], StoreError> {
        let numbers = match next_integers(self.map(), &tables) {
            Some(select) => self.pool.query_one_raw(select).await.map_err(store_error)?,
            None => None,
        };
        let mut ids = tables.map(|_| String::new());
        for (id, table) in ids.iter_mut().zip(tables) {
            *id = match self.pool.id_kind(table) {
                IdKind::Text => SecureIds.generate().into_string(),
                IdKind::Uuid => new_uuid(),
                IdKind::Integer { .. } => {
                    let number = numbers.as_ref().map(|row| row.try_get::<Option<String>>("", table.name()));
                    let number = number.transpose().map_err(store_error)?.flatten();
                    number.ok_or(Inconsistency { table: table.name(), column: "id" })?
                }
            };
        }
        Ok(ids)
    }
}

/// Returns a statement for the next integer of each of the tables whose ids are integers, as text in a column that is
/// named like the table. Returns `None` if there is no such table.
fn next_integers(map: &SchemaMap, tables: &[AuthTable]) -> Option<Statement> {
    let (mut columns, mut values) = (Vec::new(), Vec::<Value>::new());
    let integers = tables.iter().filter(|table| matches!(map.table(**table).id, IdKind::Integer { .. }));
    for table in integers {
        let found = map.table(*table);
        values.push(found.quoted().into());
        values.push(found.columns.get("id").map_or("id", |column| &column.name).into());
        let sequence = format!("pg_get_serial_sequence(${}, ${})", values.len() - 1, values.len());
        columns.push(format!(r#"cast(nextval({sequence}) as text) AS "{}""#, table.name()));
    }
    let sql = format!("select {}", columns.join(", "));
    (!columns.is_empty()).then(|| Statement::from_sql_and_values(DbBackend::Postgres, sql, values))
}

/// Inserts a row with a given id, even if PostgreSQL always generates the ids of the table.
pub(super) async fn insert<R: ActiveModelTrait>(
    transaction: &Transaction,
    table: AuthTable,
    row: R,
) -> Result<(), DbErr> {
    let mut statement = Insert::one(row).build(transaction.get_database_backend());
    if let IdKind::Integer { generated: Generated::Always, .. } = transaction.id_kind(table) {
        // The query builder does not support this clause.
        statement.sql = statement.sql.replacen(") VALUES (", ") OVERRIDING SYSTEM VALUE VALUES (", 1);
    }
    transaction.execute_raw(statement).await.map(drop)
}
