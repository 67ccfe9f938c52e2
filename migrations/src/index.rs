//! Creates and drops indices. On PostgreSQL, an index of a table with rows is built while other sessions write.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::catalog;
use crate::error::refused;
use crate::migration::{Execution, Requirement};

/// The definition of an index.
pub(crate) struct Index {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    /// The columns of the index on PostgreSQL, in parentheses. `None` if PostgreSQL does not need the index.
    pub(crate) postgres: Option<&'static str>,
    /// The columns of the index on SQLite, in parentheses. `None` if SQLite does not need the index.
    pub(crate) sqlite: Option<&'static str>,
}

impl Index {
    fn columns(&self, backend: DbBackend) -> Option<&'static str> {
        match backend {
            DbBackend::Postgres => self.postgres,
            _ => self.sqlite,
        }
    }
}

/// The state of an index in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Missing,
    /// PostgreSQL was interrupted while it built the index, and does not use it.
    Invalid,
    Valid,
}

const POSTGRES_STATE: &str = "select i.indisvalid as is_valid from pg_index i join pg_class c on c.oid = i.indexrelid
join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and c.relname = $1";

const SQLITE_STATE: &str = "select 1 as is_valid from sqlite_schema where type = 'index' and name = ?";

async fn state(db: &DatabaseConnection, index: &Index) -> Result<State, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => POSTGRES_STATE,
        _ => SQLITE_STATE,
    };
    let rows = catalog::rows(db, sql, [index.name]).await?;
    let Some(row) = rows.first() else { return Ok(State::Missing) };
    Ok(if catalog::flag(row, "is_valid")? { State::Valid } else { State::Invalid })
}

/// Returns the indices that this database needs and does not have.
async fn missing<'i>(db: &DatabaseConnection, indices: &'i [Index]) -> Result<Vec<(&'i Index, &'i str)>, DbErr> {
    let mut missing = Vec::new();
    for index in indices {
        let Some(columns) = index.columns(db.get_database_backend()) else { continue };
        if state(db, index).await? != State::Valid {
            missing.push((index, columns));
        }
    }
    Ok(missing)
}

/// Returns what creating the missing indices requires: the role must own their tables.
pub(crate) async fn requirements(db: &DatabaseConnection, indices: &[Index]) -> Result<Vec<Requirement>, DbErr> {
    Ok(missing(db, indices).await?.into_iter().map(|(index, _)| Requirement::Ownership(index.table)).collect())
}

/// Returns how the missing indices must be created: alone if a table contains rows, because in a transaction no other
/// session could write to the table until all migrations have been applied. SQLite has only one writer at a time
/// anyway, and PostgreSQL cannot build an index of a partitioned table in any other way.
pub(crate) async fn execution(db: &DatabaseConnection, indices: &[Index]) -> Result<Execution, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        for (index, _) in missing(db, indices).await? {
            let has_rows = format!(r#"select 1 from "{}" limit 1"#, index.table);
            if !is_partitioned(db, index.table).await? && catalog::exists(db, &has_rows).await? {
                return Ok(Execution::Alone);
            }
        }
    }
    Ok(Execution::InTransaction)
}

async fn is_partitioned(db: &DatabaseConnection, table: &str) -> Result<bool, DbErr> {
    let select = "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relname = $1 and c.relkind = 'p'";
    Ok(!catalog::rows(db, select, [table]).await?.is_empty())
}

/// Creates the missing indices. Drops an index first that PostgreSQL has not built completely.
pub(crate) async fn create_all(db: &DatabaseConnection, indices: &[Index], execution: Execution) -> Result<(), DbErr> {
    let concurrently = match execution {
        Execution::InTransaction => "",
        Execution::Alone => "concurrently",
    };
    for (Index { name, table, .. }, columns) in missing(db, indices).await? {
        let statements = [
            format!(r#"drop index {concurrently} if exists "{name}""#),
            format!(r#"create index {concurrently} "{name}" on "{table}" {columns}"#),
        ];
        for statement in statements {
            db.execute_unprepared(&statement).await.map_err(|error| explained(error, table, name, execution))?;
        }
    }
    Ok(())
}

/// Adds to an error of a build outside of a transaction the name of the index and how to complete it.
fn explained(error: DbErr, table: &str, name: &str, execution: Execution) -> DbErr {
    match execution {
        Execution::InTransaction => error,
        Execution::Alone => refused(
            table,
            &format!("the index \"{name}\" could not be built: {error}; start again, or run: taskbridge migrate up"),
        ),
    }
}

/// Drops the indices that exist.
pub(crate) async fn drop_all(db: &DatabaseConnection, indices: &[Index]) -> Result<(), DbErr> {
    for index in indices {
        db.execute_unprepared(&format!(r#"drop index if exists "{}""#, index.name)).await?;
    }
    Ok(())
}
