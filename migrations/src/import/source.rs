//! Reads the table that is imported, in batches.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult};
use taskbridge_schema::{QualifiedName, quoted};

use super::columns::Columns;
use crate::catalog::{self, Table};
use crate::error::refused;
use crate::task_fields::TaskField;

/// Number of rows in a batch.
const BATCH: usize = 2000;

/// A row of the table, with all values as text.
pub(super) struct SourceRow {
    /// The id.
    pub(super) id: String,
    /// The id as an integer, if the column contains integers.
    pub(super) number: Option<i64>,
    /// The id of the owner.
    pub(super) owner: Option<String>,
    /// The title.
    pub(super) title: Option<String>,
    /// The description.
    pub(super) description: Option<String>,
    /// Whether the task is done: a boolean, or a status.
    pub(super) completed: Option<String>,
    /// Time of the creation as the table has it. Empty if it cannot be read.
    pub(super) created_at: Option<String>,
    /// Time of the last change as the table has it. Empty if it cannot be read.
    pub(super) updated_at: Option<String>,
    /// The current time, which stands for times that are missing.
    pub(super) now: String,
}

/// The table that is imported.
pub(super) struct Source<'c> {
    db: &'c DatabaseConnection,
    count: u64,
    has_integer_ids: bool,
    last_id: Option<i64>,
    now: String,
    /// On SQLite, the statement that selects a batch, and the row after which it begins.
    batch: String,
    position: i64,
}

const POSTGRES_NOW: &str = r#"select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as now"#;
const SQLITE_NOW: &str = "select strftime('%Y-%m-%dT%H:%M:%fZ', 'now') as now";

impl<'c> Source<'c> {
    /// Counts the rows, and begins to read them in the order of their ids or, if those are not integers, of their creation.
    pub(super) async fn open(
        db: &'c DatabaseConnection,
        from: &QualifiedName,
        table: &Table,
        columns: &Columns,
    ) -> Result<Self, DbErr> {
        let is_postgres = db.get_database_backend() == DbBackend::Postgres;
        if !is_postgres && !table.has_row_numbers {
            let name = quoted(&from.name);
            let copy = quoted(&format!("{}_rows", from.name));
            let why =
                format!("is without rowid; run: create table {copy} as select * from {name}, and import that table");
            return Err(refused(&from.name, &why));
        }
        let schema = from.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        let name = format!("{schema}{}", quoted(&from.name));
        let fields =
            TaskField::ALL.map(|field| format!("{} as \"{}\"", columns.expression(field), field.name())).join(", ");
        let mut source = Self {
            db,
            count: catalog::count(db, &format!("select count(*) as count from {name}")).await?,
            has_integer_ids: columns.has_integer_ids(),
            last_id: None,
            now: text(db, if is_postgres { POSTGRES_NOW } else { SQLITE_NOW }, "now").await?.unwrap_or_default(),
            batch: format!(
                "select _rowid_ as \"_rowid_\", {fields} from {name} where _rowid_ > cast(?1 as integer) order by _rowid_ limit {BATCH}"
            ),
            position: i64::MIN,
        };
        if source.has_integer_ids {
            let cast = if is_postgres {
                format!("max({})::text", columns.id())
            } else {
                format!("cast(max({}) as text)", columns.id())
            };
            source.last_id = text(db, &format!("select {cast} as last from {name}"), "last")
                .await?
                .and_then(|last| last.parse().ok());
        }
        if is_postgres {
            let order = if source.has_integer_ids { "\"order\"" } else { "\"created_at\" nulls first, \"order\"" };
            let declare = format!(
                "set local time zone 'UTC'; declare taskbridge_rows no scroll cursor for \
                 select * from (select {fields}, {} as \"order\" from {name}) as \"rows\" order by {order}",
                columns.id()
            );
            db.execute_unprepared(&declare).await?;
        }
        Ok(source)
    }

    /// Returns the number of rows.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Returns the largest id, if the ids are integers.
    pub(super) fn last_id(&self) -> Option<i64> {
        self.last_id
    }

    /// Returns the next rows, or `None` after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SourceRow>>, DbErr> {
        let rows = if self.db.get_database_backend() == DbBackend::Postgres {
            catalog::rows(self.db, &format!("fetch {BATCH} from taskbridge_rows"), []).await?
        } else {
            let rows = catalog::rows(self.db, &self.batch, [&self.position.to_string()]).await?;
            if let Some(last) = rows.last() {
                self.position = last.try_get("", "_rowid_")?;
            }
            rows
        };
        if rows.is_empty() {
            return Ok(None);
        }
        rows.iter().map(|row| self.row(row)).collect::<Result<_, _>>().map(Some)
    }

    fn row(&self, row: &QueryResult) -> Result<SourceRow, DbErr> {
        let id: Option<String> = row.try_get("", "id")?;
        let id = id.unwrap_or_default();
        Ok(SourceRow {
            number: id.parse().ok().filter(|_| self.has_integer_ids),
            id,
            owner: row.try_get("", "user_id")?,
            title: row.try_get("", "title")?,
            description: row.try_get("", "description")?,
            completed: row.try_get("", "completed")?,
            created_at: row.try_get("", "created_at")?,
            updated_at: row.try_get("", "updated_at")?,
            now: self.now.clone(),
        })
    }

    /// Ends reading.
    pub(super) async fn close(self) -> Result<(), DbErr> {
        if self.db.get_database_backend() == DbBackend::Postgres {
            self.db.execute_unprepared("close taskbridge_rows").await?;
        }
        Ok(())
    }
}

async fn text(db: &DatabaseConnection, sql: &str, column: &str) -> Result<Option<String>, DbErr> {
    let row = catalog::rows(db, sql, []).await?.into_iter().next();
    Ok(row.map(|row| row.try_get("", column)).transpose()?.flatten())
}

/// Returns `true` if both connections are to the same database.
///
/// On PostgreSQL, an advisory lock that one of them holds shows it: such a lock belongs to a database.
pub(super) async fn is_same_database(target: &DatabaseConnection, source: &DatabaseConnection) -> Result<bool, DbErr> {
    const SQLITE_FILE: &str = "select \"file\" as file from pragma_database_list where \"name\" = 'main'";
    if target.get_database_backend() != source.get_database_backend() {
        return Ok(false);
    }
    if target.get_database_backend() != DbBackend::Postgres {
        let files = (text(target, SQLITE_FILE, "file").await?, text(source, SQLITE_FILE, "file").await?);
        return Ok(files.0 == files.1 && files.0.is_some_and(|file| !file.is_empty()));
    }
    let Some(key) = text(target, "select (random() * 1e15)::bigint::text as key", "key").await? else {
        return Ok(false);
    };
    catalog::rows(target, &format!("select 1 from pg_advisory_xact_lock({key})"), []).await?;
    let free = format!("select 1 where pg_try_advisory_xact_lock({key})");
    Ok(!catalog::exists(source, &free).await?)
}
