//! Reads from the database which columns a table has.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use super::connection_pool::ConnectionPool;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type of the column, as the database names it.
    pub(super) data_type: String,
}

/// Returns the columns of a table, including generated ones. The result is empty if there is no such table.
pub(super) async fn columns(pool: &ConnectionPool, table: &str) -> Result<Vec<Column>, DbErr> {
    let backend = pool.get_database_backend();
    let select = match backend {
        DbBackend::Postgres => {
            "select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as data_type \
             from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = current_schema() and c.relname = $1 and c.relkind in ('r', 'p') \
             and a.attnum > 0 and not a.attisdropped order by a.attnum"
        }
        _ => "select name, lower(type) as data_type from pragma_table_xinfo(?) where hidden <> 1 order by cid",
    };
    let rows = pool.query_all_raw(Statement::from_sql_and_values(backend, select, [table.into()])).await?;
    rows.iter()
        .map(|row| Ok(Column { name: row.try_get("", "name")?, data_type: row.try_get("", "data_type")? }))
        .collect()
}
