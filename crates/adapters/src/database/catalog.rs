//! Tables and columns that only some databases have.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::connection::Connection;
use super::restrictions::RestrictionColumns;

/// A part of the schema that differs between databases.
#[derive(Debug)]
pub(super) struct Catalog {
    read_at: Instant,
    /// `true` if the users that tasks belong to are in this database.
    pub(super) has_users: bool,
    /// The columns that restrict users.
    pub(super) restrictions: RestrictionColumns,
}

impl Catalog {
    async fn read(connection: &Connection) -> Result<Self, DbErr> {
        let users = columns(connection, "user").await?;
        let second_factors = columns(connection, "twoFactor").await?;
        let restrictions = RestrictionColumns::among(&users, &second_factors);
        // Tasks refer to users whose ids are text.
        let is_text = |column: &Column| column.data_type.contains("text") || column.data_type.contains("char");
        let has_users = users.iter().any(|column| column.name == "id" && is_text(column));
        Ok(Self { read_at: Instant::now(), has_users, restrictions })
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type as the database names it.
    pub(super) data_type: String,
}

/// Returns the columns of a table, in order; none if there is no such table.
pub(super) async fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, DbErr> {
    let backend = connection.get_database_backend();
    let select = match backend {
        DbBackend::Postgres => {
            "select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as data_type \
             from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = current_schema() and c.relname = $1 and c.relkind in ('r', 'p') \
             and a.attnum > 0 and not a.attisdropped order by a.attnum"
        }
        _ => "select name, lower(type) as data_type from pragma_table_info(?) order by cid",
    };
    let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, select, [table.into()])).await?;
    rows.iter()
        .map(|row| Ok(Column { name: row.try_get("", "name")?, data_type: row.try_get("", "data_type")? }))
        .collect()
}

/// The catalog of a database, read again when it is used and a minute old: another program may have changed the schema.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedCatalog(Arc<Mutex<Option<Arc<Catalog>>>>);

impl CachedCatalog {
    const MAX_AGE: Duration = Duration::from_mins(1);

    pub(super) async fn get(&self, connection: &Connection) -> Result<Arc<Catalog>, DbErr> {
        let mut cached = self.0.lock().await;
        if let Some(recent) = cached.as_ref().filter(|catalog| catalog.read_at.elapsed() < Self::MAX_AGE) {
            return Ok(Arc::clone(recent));
        }
        let catalog = Arc::new(Catalog::read(connection).await?);
        *cached = Some(Arc::clone(&catalog));
        Ok(catalog)
    }
}
