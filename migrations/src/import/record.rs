//! The table `task_imports`, which records which row has become which task. It makes imports repeatable, and tells the new
//! id of an old one.

use std::collections::HashMap;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult};

use super::source::SourceRow;
use super::statement::{execute, json, unprivileged};
use super::target::{NewTask, Target};
use crate::catalog;
use crate::error::MigrateError;

/// A row is identified by its table, its id and the time of its creation: a restored copy of a database has the same rows,
/// but another database with a table of the same name has others.
const CREATE: &str = r#"create table "task_imports" ("source" text not null, "source_id" text not null, "source_created_at" text not null, "task_id" bigint not null, primary key ("source", "source_id", "source_created_at"))"#;

/// Number of rows in a batch.
const BATCH: usize = 5000;

/// The rows of a batch.
pub(super) struct Batch {
    /// The rows that have not been imported.
    pub(super) new: Vec<SourceRow>,
    /// Number of the others.
    pub(super) known: u64,
}

/// Creates the table if it does not exist.
pub(super) async fn create(db: &DatabaseConnection) -> Result<(), DbErr> {
    if catalog::table(db, "task_imports").await?.is_none() {
        db.execute_unprepared(CREATE).await.map_err(|error| unprivileged("task_imports", &error))?;
    }
    Ok(())
}

/// Drops the table. It describes the tasks in a table `tasks` that no longer exists.
pub(crate) async fn drop_all(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if catalog::table(db, "task_imports").await?.is_some() {
        db.execute_unprepared(r#"drop table "task_imports""#).await?;
    }
    Ok(())
}

/// Returns the rows without those that have been imported.
pub(super) async fn without_imported(target: &Target<'_>, source: &str, rows: Vec<SourceRow>) -> Result<Batch, DbErr> {
    let db = target.db;
    if !target.exists() || catalog::table(db, "task_imports").await?.is_none() {
        return Ok(Batch { new: rows, known: 0 });
    }
    let (parameter, list) = if db.get_database_backend() == DbBackend::Postgres {
        ("$1", "select value from json_array_elements_text($2::text::json) as list (value)")
    } else {
        ("?1", "select value from json_each(?2)")
    };
    let select = format!(
        r#"select "source_id", "source_created_at" from "task_imports" where "source" = {parameter} and "source_id" in ({list})"#
    );
    let ids: Vec<_> = rows.iter().map(|row| &row.id).collect();
    let found = catalog::rows(db, &select, [source, &json(&ids)?]).await?;
    let mut known: HashMap<String, Vec<String>> = HashMap::new();
    for row in &found {
        known.entry(row.try_get("", "source_id")?).or_default().push(row.try_get("", "source_created_at")?);
    }
    let all = rows.len();
    let new: Vec<_> =
        rows.into_iter().filter(|row| !known.get(&row.id).is_some_and(|times| is_same(times, row))).collect();
    Ok(Batch { known: (all - new.len()) as u64, new })
}

/// Returns `true` if one of the times is that of the row. A missing time is that of any row, so that another `--map` does
/// not import a row again.
fn is_same(times: &[String], row: &SourceRow) -> bool {
    let time = row.created_at.as_deref().unwrap_or_default();
    time.is_empty() || times.iter().any(|known| known.is_empty() || known == time)
}

/// Records that rows have become tasks.
pub(super) async fn insert(db: &DatabaseConnection, source: &str, tasks: &[NewTask]) -> Result<(), DbErr> {
    const COLUMNS: &str = r#""source", "source_id", "source_created_at", "task_id""#;
    let select = if db.get_database_backend() == DbBackend::Postgres {
        r#"select $1, r.source_id, r.source_created_at, r.id from json_to_recordset($2::text::json) as r ("source_id" text, "source_created_at" text, "id" bigint)"#
    } else {
        "select ?1, value ->> 'source_id', value ->> 'source_created_at', value ->> 'id' from json_each(?2)"
    };
    let insert = format!(r#"insert into "task_imports" ({COLUMNS}) {select}"#);
    execute(db, &insert, [source, &json(&tasks)?]).await
}

/// Returns the names of the tables that have been imported.
pub(super) async fn sources(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if catalog::table(db, "task_imports").await?.is_none() {
        return Ok(Vec::new());
    }
    let rows = catalog::rows(db, r#"select distinct "source" from "task_imports" order by "source""#, []).await?;
    rows.iter().map(|row| row.try_get("", "source")).collect()
}

/// The old and the new id of an imported task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedId {
    /// The name of the table that the task was imported from.
    pub table: String,
    /// The id in that table.
    pub old: String,
    /// The id of the task.
    pub new: i64,
}

/// Passes the ids of all imported tasks to `each`, in the order of the tables and of the old ids.
///
/// # Errors
/// [`MigrateError::Database`] if the database fails; the first error of `each`.
pub async fn imported_ids<E: From<MigrateError>>(
    db: &DatabaseConnection,
    mut each: impl FnMut(&ImportedId) -> Result<(), E>,
) -> Result<(), E> {
    let [table, id, created_at] = match db.get_database_backend() {
        DbBackend::Postgres => ["$1", "$2", "$3"],
        _ => ["?1", "?2", "?3"],
    };
    let select = format!(
        r#"select "source_id", "source_created_at", "task_id" from "task_imports"
        where "source" = {table} and ("source_id", "source_created_at") > ({id}, {created_at})
        order by "source_id", "source_created_at" limit {BATCH}"#
    );
    for source in sources(db).await.map_err(MigrateError::from)? {
        let (mut old, mut created_at) = (String::new(), String::new());
        loop {
            let rows = catalog::rows(db, &select, [&source, &old, &created_at]).await.map_err(MigrateError::from)?;
            for row in &rows {
                let id;
                (id, created_at) = imported_id(row, &source).map_err(MigrateError::from)?;
                each(&id)?;
                old = id.old;
            }
            if rows.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

/// Returns the ids of a row, and the creation time of the task as it is recorded.
fn imported_id(row: &QueryResult, source: &str) -> Result<(ImportedId, String), DbErr> {
    let (old, new) = (row.try_get("", "source_id")?, row.try_get("", "task_id")?);
    Ok((ImportedId { table: source.to_owned(), old, new }, row.try_get("", "source_created_at")?))
}
