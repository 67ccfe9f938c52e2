//! Tables and columns that only some databases have.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use tokio::time::Instant;

use super::connection::Connection;
use super::restrictions::RestrictionColumns;

/// The schema of a database, as far as databases differ.
#[derive(Debug)]
pub(super) struct Catalog {
    read_at: Instant,
    /// The columns that restrict users.
    pub(super) restrictions: RestrictionColumns,
}

impl Catalog {
    async fn read(connection: &Connection) -> Result<Self, DbErr> {
        let users = columns(connection, "user").await?;
        let second_factors = columns(connection, "twoFactor").await?;
        Ok(Self { read_at: Instant::now(), restrictions: RestrictionColumns::among(&users, &second_factors) })
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type as the database names it.
    pub(super) data_type: String,
}

/// Returns the columns of a table, generated ones included; none if there is no such table.
pub(super) async fn columns(connection: &Connection, table: &str) -> Result<Vec<Column>, DbErr> {
    let backend = connection.get_database_backend();
    let select = match backend {
        DbBackend::Postgres => {
            "select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as data_type \
             from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname = current_schema() and c.relname = $1 and c.relkind in ('r', 'p') \
             and a.attnum > 0 and not a.attisdropped order by a.attnum"
        }
        _ => "select name, lower(type) as data_type from pragma_table_xinfo(?) where hidden <> 1 order by cid",
    };
    let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, select, [table.into()])).await?;
    rows.iter()
        .map(|row| Ok(Column { name: row.try_get("", "name")?, data_type: row.try_get("", "data_type")? }))
        .collect()
}

/// A cache of the catalog. It is read again when it is used and a minute old, because another program may change the schema.
#[derive(Debug, Clone, Default)]
pub(super) struct CachedCatalog {
    last: Arc<Mutex<Option<Arc<Catalog>>>>,
    /// Held by the request that reads it.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl CachedCatalog {
    const MAX_AGE: Duration = Duration::from_mins(1);

    /// Returns the catalog. While one request reads it again, the others get the previous one.
    pub(super) async fn get(&self, connection: &Connection) -> Result<Arc<Catalog>, DbErr> {
        let is_recent = |catalog: &Arc<Catalog>| catalog.read_at.elapsed() < Self::MAX_AGE;
        let last = self.last();
        if let Some(recent) = last.clone().filter(is_recent) {
            return Ok(recent);
        }
        let _reading = match (self.reading.try_lock(), last) {
            (Ok(reading), _) => reading,
            (Err(_is_being_read), Some(last)) => return Ok(last),
            (Err(_is_being_read), None) => self.reading.lock().await,
        };
        match self.last().filter(is_recent) {
            Some(recent) => Ok(recent),
            None => self.read(connection).await,
        }
    }

    /// Reads the catalog now.
    pub(super) async fn read(&self, connection: &Connection) -> Result<Arc<Catalog>, DbErr> {
        let catalog = Arc::new(Catalog::read(connection).await?);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    fn last(&self) -> Option<Arc<Catalog>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
