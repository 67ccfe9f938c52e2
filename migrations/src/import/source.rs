//! Reads the table that is imported, in batches.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult};
use taskbridge_schema::{QualifiedName, quoted};

use super::columns::{Columns, MAX_ID, as_text};
use crate::catalog::{self, Table};
use crate::error::{reason, refused};
use crate::task_fields::TaskField;

/// Largest number of rows in a batch.
const BATCH: usize = 2000;

/// Number of rows in the first batch. The next ones are larger if the texts are short.
const FIRST_BATCH: usize = 100;

/// Size in bytes that the texts of a batch should have.
const BATCH_BYTES: usize = 8 << 20;

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
    /// A boolean or a status that says whether the task is done.
    pub(super) completed: Option<String>,
    /// Time of the creation as the table has it. Empty if it cannot be read.
    pub(super) created_at: Option<String>,
    /// Time of the last change as the table has it. Empty if it cannot be read.
    pub(super) updated_at: Option<String>,
    /// The current time, which replaces missing times.
    pub(super) now: String,
    /// `true` if the row is marked as deleted.
    pub(super) is_deleted: bool,
}

impl SourceRow {
    /// Returns the size of the texts.
    fn bytes(&self) -> usize {
        [&self.title, &self.description].into_iter().flatten().map(String::len).sum()
    }
}

/// Finds the table.
///
/// # Errors
/// A refusal if it does not exist, or is not a table.
pub(super) async fn find(db: &DatabaseConnection, from: &QualifiedName) -> Result<Table, DbErr> {
    let QualifiedName { schema, name } = from;
    match catalog::table_in(db, schema.as_deref(), name).await {
        Ok(Some(table)) => Ok(table),
        Ok(None) => {
            let (sql, schema) = match db.get_database_backend() {
                DbBackend::Postgres => (POSTGRES_TABLES, schema.as_deref().unwrap_or_default()),
                _ => (SQLITE_TABLES, ""),
            };
            let rows = catalog::rows(db, sql, [schema]).await?;
            let names = rows.iter().map(|row| row.try_get("", "name")).collect::<Result<Vec<String>, _>>()?;
            let there = if names.is_empty() {
                "which is empty".to_owned()
            } else {
                format!("whose tables are {}", names.join(", "))
            };
            Err(refused(name, &format!("does not exist in the database that is imported from, {there}")))
        }
        Err(DbErr::Migration(_)) => {
            let copy = quoted(&format!("{name}_rows"));
            let why = format!(
                "is not a table, so that nothing says which column identifies a row; import the table that it reads, or copy \
                 the rows: create table {copy} as select * from {from}; and make the id of {copy} unique",
                from = quoted_name(from)
            );
            Err(refused(name, &why))
        }
        Err(error) => Err(error),
    }
}

const POSTGRES_TABLES: &str = "select tablename::text as name from pg_tables
where schemaname = coalesce(nullif($1, ''), current_schema()) order by 1 limit 50";

const SQLITE_TABLES: &str = "select \"name\" from sqlite_schema where \"type\" = 'table' and \"name\" not like 'sqlite_%' and ?1 = '' order by 1 limit 50";

/// Returns the quoted name of the table.
pub(super) fn quoted_name(from: &QualifiedName) -> String {
    let schema = from.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
    format!("{schema}{}", quoted(&from.name))
}

/// Returns the name by which SQL can refer to the row numbers of a table on SQLite: the first that no column has.
fn row_number(table: &Table) -> Option<&'static str> {
    let is_free = |name: &&str| !table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ["rowid", "_rowid_", "oid"].into_iter().find(is_free).filter(|_| table.has_row_numbers)
}

/// The table that is imported.
pub(super) struct Source<'c> {
    db: &'c DatabaseConnection,
    /// The name of the table, for errors.
    name: String,
    count: u64,
    has_integer_ids: bool,
    last_id: Option<i64>,
    now: String,
    /// On SQLite, the statement that selects a batch, without its size, and the row after which it begins.
    batch: String,
    position: i64,
    /// Number of rows in the next batch.
    size: usize,
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
        let row_number = if is_postgres { Some("") } else { row_number(table) };
        let Some(row_number) = row_number else {
            let copy = quoted(&format!("{}_rows", from.name));
            let why = format!(
                "has no row numbers; run: create table {copy} as select * from {}; make the id of {copy} unique, and import that \
                 table",
                quoted(&from.name)
            );
            return Err(refused(&from.name, &why));
        };
        let name = quoted_name(from);
        let fields =
            TaskField::ALL.map(|field| format!("{} as \"{}\"", columns.expression(field), field.name())).join(", ");
        let fields = format!("{fields}, {} as \"deleted\"", columns.deleted());
        let mut source = Self {
            db,
            name: from.name.clone(),
            count: 0,
            has_integer_ids: columns.has_integer_ids(),
            last_id: None,
            now: String::new(),
            batch: format!(
                "select {row_number} as \"position\", {fields} from {name} where {row_number} > cast(?1 as integer) order by {row_number} limit "
            ),
            position: i64::MIN,
            size: FIRST_BATCH,
        };
        let order = if source.has_integer_ids { "\"order\"" } else { "\"created_at\" nulls first, \"order\"" };
        let declare = format!(
            "declare taskbridge_rows no scroll cursor for \
             select * from (select {fields}, {} as \"order\" from {name}) as \"rows\" order by {order}",
            columns.id()
        );
        let opened = source.begin(&name, &columns.id(), is_postgres.then_some(&declare)).await;
        opened.map_err(|error| unreadable(&from.name, &error))?;
        Ok(source)
    }

    async fn begin(&mut self, name: &str, id: &str, declare: Option<&String>) -> Result<(), DbErr> {
        if declare.is_some() {
            // A policy that hides rows must not make the import incomplete.
            self.db.execute_unprepared("set local time zone 'UTC'; set local row_security = off").await?;
        }
        let now = if declare.is_some() { POSTGRES_NOW } else { SQLITE_NOW };
        self.now = text(self.db, now, "now").await?.unwrap_or_default();
        self.count = catalog::count(self.db, &format!("select count(*) as count from {name}")).await?;
        if self.has_integer_ids {
            let last = as_text(self.db.get_database_backend(), &format!("max({id})"));
            let last =
                text(self.db, &format!("select {last} as last from {name} where {id} <= {MAX_ID}"), "last").await?;
            self.last_id = last.and_then(|last| last.parse().ok());
        }
        if let Some(declare) = declare {
            self.db.execute_unprepared(declare).await?;
        }
        Ok(())
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
            catalog::rows(self.db, &format!("fetch {} from taskbridge_rows", self.size), []).await
        } else {
            catalog::rows(self.db, &format!("{}{}", self.batch, self.size), [&self.position.to_string()]).await
        };
        let rows = rows.map_err(|error| unreadable(&self.name, &error))?;
        let Some(last) = rows.last() else { return Ok(None) };
        if self.db.get_database_backend() == DbBackend::Sqlite {
            self.position = last.try_get("", "position")?;
        }
        let rows = rows.iter().map(|row| self.row(row)).collect::<Result<Vec<_>, _>>()?;
        let bytes: usize = rows.iter().map(SourceRow::bytes).sum();
        self.size = (rows.len() * BATCH_BYTES / bytes.max(1)).clamp(1, BATCH);
        Ok(Some(rows))
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
            is_deleted: row.try_get::<String>("", "deleted")? == "true",
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

/// Returns the error for a table that cannot be read.
fn unreadable(table: &str, error: &DbErr) -> DbErr {
    let reason = reason(error);
    let next = if reason.contains("permission denied") || reason.contains("row-level security") {
        "; connect as a role that may select all rows"
    } else {
        ""
    };
    refused(table, &format!("cannot be read: {reason}{next}"))
}

/// Returns the name under which the imported rows of the table are recorded.
///
/// Rows with the time of their creation are told apart by it, also from those of another database, and are recognized in
/// a copy of their database. Without times, the name contains that of the database, so that rows of two databases are not
/// taken for one another.
pub(super) async fn label(
    target: &DatabaseConnection,
    source: &DatabaseConnection,
    from: &QualifiedName,
    has_times: bool,
) -> Result<String, DbErr> {
    let is_postgres = source.get_database_backend() == DbBackend::Postgres;
    let current = if is_postgres { catalog::current_schema(source).await? } else { String::new() };
    let schema = from.schema.as_ref().filter(|schema| **schema != current);
    let name = schema.map_or_else(|| from.name.clone(), |schema| format!("{schema}.{}", from.name));
    if has_times || std::ptr::eq(target, source) {
        return Ok(name);
    }
    let database = if is_postgres { "select current_database()::text as file" } else { SQLITE_FILE };
    Ok(format!("{}/{name}", text(source, database, "file").await?.unwrap_or_default()))
}

const SQLITE_FILE: &str = "select \"file\" as file from pragma_database_list where \"name\" = 'main'";

/// Returns `true` if both connections are to the same database.
///
/// On PostgreSQL, an advisory lock that one of them holds shows it: such a lock belongs to a database.
pub(super) async fn is_same_database(target: &DatabaseConnection, source: &DatabaseConnection) -> Result<bool, DbErr> {
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
