//! Creates and drops indices. On PostgreSQL, an index of a table with rows is built while other sessions write.

use std::time::Duration;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use taskbridge_schema::quoted;
use tokio::time::sleep;

use crate::catalog;
use crate::error::{reason, refused};
use crate::migration::{Execution, Requirement, Table};

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
    /// PostgreSQL has not built the index completely, and does not use it.
    Invalid,
    Valid,
}

/// Selects the table and the state of the index of this name.
const POSTGRES_STATE: &str = "select t.relname::text as \"table\", i.indisvalid as is_valid
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace where n.nspname = current_schema() and c.relname = $1";

const SQLITE_STATE: &str =
    r#"select "tbl_name" as "table", 1 as is_valid from sqlite_schema where type = 'index' and name = ?"#;

/// Selects the sessions that build the index of this name concurrently.
const BUILDERS: &str = "select 1 from pg_stat_progress_create_index p join pg_class c on c.oid = p.index_relid
join pg_namespace n on n.oid = c.relnamespace
where p.datname = current_database() and n.nspname = current_schema() and c.relname = $1";

/// Time after which the progress of a build in another session is read again.
const POLL: Duration = Duration::from_millis(250);

/// # Errors
/// A refusal if the name belongs to an index of another table.
async fn state(db: &DatabaseConnection, index: &Index) -> Result<State, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => POSTGRES_STATE,
        _ => SQLITE_STATE,
    };
    let rows = catalog::rows(db, sql, [index.name]).await?;
    let Some(row) = rows.first() else { return Ok(State::Missing) };
    let table: String = row.try_get("", "table")?;
    if !table.eq_ignore_ascii_case(index.table) {
        let why =
            format!("its index \"{}\" has the name of an index of \"{}\"; rename or drop it", index.name, index.table);
        return Err(refused(&table, &why));
    }
    Ok(if catalog::flag(row, "is_valid")? { State::Valid } else { State::Invalid })
}

/// Returns the indices that this database needs and does not have.
async fn missing<'i>(db: &DatabaseConnection, indices: &'i [Index]) -> Result<Vec<Missing<'i>>, DbErr> {
    let mut missing = Vec::new();
    for index in indices {
        let Some(columns) = index.columns(db.get_database_backend()) else { continue };
        let state = state(db, index).await?;
        if state != State::Valid {
            missing.push(Missing { index, columns, state });
        }
    }
    Ok(missing)
}

/// An index that is not valid.
struct Missing<'i> {
    index: &'i Index,
    columns: &'i str,
    state: State,
}

/// Checks that the indices can be created.
pub(crate) async fn check(db: &DatabaseConnection, indices: &[Index]) -> Result<(), DbErr> {
    missing(db, indices).await.map(drop)
}

/// Returns what creating the missing indices requires: the role must own their tables.
pub(crate) async fn requirements(db: &DatabaseConnection, indices: &[Index]) -> Result<Vec<Requirement>, DbErr> {
    let missing = missing(db, indices).await?;
    Ok(missing.into_iter().map(|missing| Requirement::Ownership(Table::Ours(missing.index.table))).collect())
}

/// Returns how the missing indices must be created: outside of a transaction if a table contains rows, because in a
/// transaction no other session could write to the table until all migrations have been applied. SQLite has only one
/// writer at a time anyway, and PostgreSQL has no statement that builds an index of a partitioned table concurrently.
pub(crate) async fn execution(db: &DatabaseConnection, indices: &[Index]) -> Result<Execution, DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        for Missing { index, state, .. } in missing(db, indices).await? {
            let has_rows = format!(r#"select 1 from "{}" limit 1"#, index.table);
            if !is_partitioned(db, index.table).await?
                && (state == State::Invalid || catalog::exists(db, &has_rows).await?)
            {
                return Ok(Execution::OutsideTransaction);
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

/// Creates the missing indices.
pub(crate) async fn create_all(db: &DatabaseConnection, indices: &[Index], execution: Execution) -> Result<(), DbErr> {
    for Missing { index, columns, .. } in missing(db, indices).await? {
        if execution == Execution::InTransaction {
            create(db, index, columns, "").await?;
            continue;
        }
        let built = create_concurrently(db, index, columns).await;
        built.map_err(|error| {
            let error = reason(&error);
            let why = format!("the build of the index \"{}\" failed: {error}; run: taskbridge migrate up", index.name);
            refused(index.table, &why)
        })?;
    }
    Ok(())
}

/// Creates an index while other sessions write to the table. Drops the index first if a build of it was interrupted.
///
/// PostgreSQL continues a build although its client has ended. Such a build is waited for without a transaction,
/// because it waits for the transactions of others, too.
async fn create_concurrently(db: &DatabaseConnection, index: &Index, columns: &str) -> Result<(), DbErr> {
    while !catalog::rows(db, BUILDERS, [index.name]).await?.is_empty() {
        sleep(POLL).await;
    }
    match state(db, index).await? {
        State::Valid => return Ok(()),
        State::Invalid => drop_index(db, index, "concurrently").await?,
        State::Missing => {}
    }
    create(db, index, columns, "concurrently").await
}

async fn create(db: &DatabaseConnection, index: &Index, columns: &str, how: &str) -> Result<(), DbErr> {
    let Index { name, table, .. } = index;
    let statement = format!(r#"create index {how} "{name}" on "{table}" {columns}"#);
    db.execute_unprepared(&statement).await.map(drop)
}

/// Drops an index of the current schema. Without a schema, the name could mean an index of another one.
async fn drop_index(db: &DatabaseConnection, index: &Index, how: &str) -> Result<(), DbErr> {
    let schema = match db.get_database_backend() {
        DbBackend::Postgres => catalog::current_schema(db).await?,
        _ => "main".to_owned(),
    };
    let schema = quoted(&schema);
    db.execute_unprepared(&format!(r#"drop index {how} {schema}."{}""#, index.name)).await.map(drop)
}

/// Drops the indices that exist.
pub(crate) async fn drop_all(db: &DatabaseConnection, indices: &[Index]) -> Result<(), DbErr> {
    for index in indices {
        if state(db, index).await? != State::Missing {
            drop_index(db, index, "").await?;
        }
    }
    Ok(())
}
