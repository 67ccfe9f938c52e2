//! Creates Better Auth's tables, and checks those that exist.

mod definitions;

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

use self::definitions::ColumnType::{self, BigInteger, Boolean, Integer, Text, Time};
use self::definitions::{INDICES, TABLES, TableDefinition};
use crate::catalog::{self, Affinity, Column, Table};
use crate::error::refused_column;

/// Checks those of Better Auth's tables that exist, and then creates its missing tables and indices.
pub(crate) async fn create_or_adopt(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    for definition in missing(db).await? {
        let statement = match db.get_database_backend() {
            DbBackend::Postgres => definition.postgres,
            _ => definition.sqlite,
        };
        db.execute_unprepared(statement).await?;
    }
    for (index, table, column) in INDICES {
        if !has_index(db, index).await? {
            db.execute_unprepared(&format!(r#"create index "{index}" on "{table}" ("{column}")"#)).await?;
        }
    }
    Ok(())
}

/// Returns the tables that lack an index that Better Auth creates on them. Only the owner of a table may add an index.
pub(crate) async fn tables_without_index(db: &impl ConnectionTrait) -> Result<Vec<&'static str>, DbErr> {
    let mut tables = Vec::new();
    for (index, table, _) in INDICES {
        if !has_index(db, index).await? {
            tables.push(table);
        }
    }
    Ok(tables)
}

async fn has_index(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let select = match db.get_database_backend() {
        DbBackend::Postgres => "select 1 from pg_indexes where schemaname = current_schema() and indexname = $1",
        _ => "select 1 from sqlite_schema where type = 'index' and name = ?",
    };
    Ok(!catalog::rows(db, select, [name]).await?.is_empty())
}

/// Checks those of Better Auth's tables that exist.
///
/// # Errors
/// A refusal if a table cannot be adopted.
pub(crate) async fn check_all(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    missing(db).await.map(drop)
}

/// Returns the names of all of Better Auth's tables, whether or not they exist.
pub(crate) fn tables() -> Vec<&'static str> {
    TABLES.iter().map(|definition| definition.name).collect()
}

/// Checks those of Better Auth's tables that exist, and returns the definitions of the missing ones.
async fn missing(db: &impl ConnectionTrait) -> Result<Vec<&'static TableDefinition>, DbErr> {
    let mut missing = Vec::new();
    for definition in &TABLES {
        match catalog::table(db, definition.name).await? {
            Some(table) => check(db, definition, &table).await?,
            None => missing.push(definition),
        }
    }
    Ok(missing)
}

fn refused(table: &str, column: &str, why: &str) -> DbErr {
    let line = format!(
        "{why}; AUTH_MODE=server requires the tables as Better Auth's own migrator creates them; AUTH_MODE=bridge works with \
         this database"
    );
    refused_column(table, column, &line)
}

async fn check(db: &impl ConnectionTrait, definition: &TableDefinition, table: &Table) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    for (name, column_type) in definition.columns {
        let Some(column) = table.column(name) else {
            let why = match table.column_like(name) {
                Some(other) => format!("missing, but \"{}\" exists (Drizzle's naming)", other.name),
                None => "missing".to_owned(),
            };
            return Err(refused(definition.name, name, &why));
        };
        if !matches(backend, column, *column_type) {
            let why = format!("is {}, not {}", column.data_type, type_name(backend, *column_type));
            return Err(refused(definition.name, name, &why));
        }
        if (*name == "id" || Some(*name) == definition.unique) && !column.is_unique {
            return Err(refused(definition.name, name, "is not unique"));
        }
        if backend == DbBackend::Sqlite && *column_type == Time && contains_numbers(db, definition.name, name).await? {
            return Err(refused(definition.name, name, "contains dates as numbers, not as text"));
        }
    }
    let known = |column: &Column| definition.columns.iter().any(|(name, _)| *name == column.name);
    match table.columns.iter().find(|column| column.is_required && !column.has_default && !known(column)) {
        Some(column) => {
            let why = match column.name.as_str() {
                "issuer" => "is required, but only Better Auth 1.7.0 to 1.7.2 writes it; drop it, or allow null",
                _ => "is required, but unknown to Better Auth; allow null, or add a default",
            };
            Err(refused(definition.name, &column.name, why))
        }
        None => Ok(()),
    }
}

/// Returns `true` if the existing column can contain values of the type `column_type`.
fn matches(backend: DbBackend, column: &Column, column_type: ColumnType) -> bool {
    let data_type = column.data_type.as_str();
    match (backend, column_type) {
        (_, Text) => catalog::is_text(backend, column),
        (DbBackend::Postgres, Boolean) => data_type == "boolean",
        (DbBackend::Postgres, Integer) => data_type == "integer",
        (DbBackend::Postgres, BigInteger) => data_type == "bigint",
        // Columns for times without a zone are also accepted. Their values are treated as UTC, because Drizzle and
        // Prisma write UTC, and so does Node.js with TZ=UTC.
        (DbBackend::Postgres, Time) => data_type.starts_with("timestamp"),
        (_, Boolean | Integer | BigInteger) => {
            matches!(catalog::affinity(data_type), Affinity::Integer | Affinity::Numeric)
        }
        (_, Time) => matches!(catalog::affinity(data_type), Affinity::Text | Affinity::Numeric),
    }
}

/// Returns the name that the database uses for a type.
fn type_name(backend: DbBackend, column_type: ColumnType) -> &'static str {
    match (backend, column_type) {
        (_, Text) => "text",
        (DbBackend::Postgres, Boolean) => "boolean",
        (_, Boolean | Integer) => "integer",
        (_, BigInteger) => "bigint",
        (DbBackend::Postgres, Time) => "a timestamp",
        (_, Time) => "date (stored as text)",
    }
}

/// Returns `true` if a column for dates contains numbers instead of text. Prisma writes such numbers on SQLite.
async fn contains_numbers(db: &impl ConnectionTrait, table: &str, column: &str) -> Result<bool, DbErr> {
    let sql = format!(r#"select 1 from "{table}" where typeof("{column}") in ('integer', 'real') limit 1"#);
    catalog::exists(db, &sql).await
}
