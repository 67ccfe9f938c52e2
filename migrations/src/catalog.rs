//! Reads which tables exist, on PostgreSQL by default in the current schema, on SQLite in the main database.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use taskbridge_schema::{Affinity, affinity};

use crate::error::refused;

/// An existing table.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// `true` if the table is a `strict` table of SQLite, in which each value must have the type of its column.
    pub(crate) is_strict: bool,
    /// `true` if the database would generate the values of a column `integer primary key`. On SQLite, this is so unless
    /// the table is `without rowid`; on PostgreSQL, the field is always `true`.
    pub(crate) has_row_numbers: bool,
}

/// An existing column.
pub(crate) struct Column {
    pub(crate) name: String,
    /// The name of the type in the database, on SQLite in lower case. On PostgreSQL, the name of the column's collation
    /// follows if this collation can treat different texts as equal.
    pub(crate) data_type: String,
    pub(crate) is_required: bool,
    /// `true` if the database supplies a value for a new row when the `insert` statement does not.
    pub(crate) has_default: bool,
    /// `true` if no two rows can have the same value.
    pub(crate) is_unique: bool,
}

impl Table {
    /// Returns the column of this name.
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

const POSTGRES_KIND: &str = r"
select c.relkind in ('r', 'p') as is_table, false as is_strict, true as has_row_numbers
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = coalesce(nullif($2, ''), current_schema()) and c.relname = $1 and c.relkind not in ('i', 'I', 'S', 'c', 't')";

const SQLITE_KIND: &str = r#"
select "type" = 'table' as is_table, "strict" = 1 as is_strict, "wr" = 0 as has_row_numbers
from pragma_table_list where "schema" = 'main' and lower("name") = lower(?)"#;

const POSTGRES_COLUMNS: &str = r"
select a.attname::text as name,
  format_type(a.atttypid, a.atttypmod) || coalesce(
    (select ' collate ' || l.collname from pg_collation l where l.oid = a.attcollation and not l.collisdeterministic), ''
  ) as data_type,
  a.attnotnull as is_required,
  a.atthasdef or a.attidentity <> '' as has_default,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
    and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as is_unique
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = coalesce(nullif($2, ''), current_schema()) and c.relname = $1 and c.relkind in ('r', 'p')
  and a.attnum > 0 and not a.attisdropped
order by a.attnum";

const SQLITE_COLUMNS: &str = r#"
select c."name", lower(c."type") as data_type, c."notnull" = 1 as is_required,
  c."dflt_value" is not null or c."hidden" in (2, 3) as has_default,
  (c."pk" = 1 and (select count(*) from pragma_table_xinfo(?1) k where k."pk" > 0) = 1)
    or exists (select 1 from pragma_index_list(?1) i where i."unique" = 1 and i."partial" = 0
      and (select group_concat(quote(k."name")) from pragma_index_info(i."name") k) = quote(c."name")) as is_unique
from pragma_table_xinfo(?1) c where c."hidden" <> 1
order by c."cid""#;

/// Returns the table of this name, if there is one.
///
/// # Errors
/// A refusal if the name belongs to something other than a table, such as a view.
pub(crate) async fn table(db: &impl ConnectionTrait, name: &str) -> Result<Option<Table>, DbErr> {
    table_in(db, None, name).await
}

/// Returns `true` if statements find a table of this name, on PostgreSQL in any schema of the search path.
pub(crate) async fn is_found(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(table(db, name).await?.is_some());
    }
    let found = rows(db, "select to_regclass(quote_ident($1)) is not null as is_found", [name]).await?;
    found.first().map_or(Ok(false), |row| flag(row, "is_found"))
}

/// Returns the table of this name in a schema, if there is one. `None` stands for the current schema, the only one that
/// SQLite has.
///
/// # Errors
/// A refusal if the name belongs to something other than a table, such as a view.
pub(crate) async fn table_in(
    db: &impl ConnectionTrait,
    schema: Option<&str>,
    name: &str,
) -> Result<Option<Table>, DbErr> {
    let (kind, columns) = match db.get_database_backend() {
        DbBackend::Postgres => (
            rows(db, POSTGRES_KIND, [name, schema.unwrap_or_default()]).await?,
            rows(db, POSTGRES_COLUMNS, [name, schema.unwrap_or_default()]).await?,
        ),
        _ => (rows(db, SQLITE_KIND, [name]).await?, rows(db, SQLITE_COLUMNS, [name]).await?),
    };
    let Some(kind) = kind.first() else { return Ok(None) };
    if !flag(kind, "is_table")? {
        return Err(refused(name, "exists but is not a table; rename or drop it"));
    }
    Ok(Some(Table {
        name: name.to_owned(),
        columns: columns.iter().map(column).collect::<Result<_, _>>()?,
        is_strict: flag(kind, "is_strict")?,
        has_row_numbers: flag(kind, "has_row_numbers")?,
    }))
}

fn column(row: &QueryResult) -> Result<Column, DbErr> {
    Ok(Column {
        name: row.try_get("", "name")?,
        data_type: row.try_get("", "data_type")?,
        is_required: flag(row, "is_required")?,
        has_default: flag(row, "has_default")?,
        is_unique: flag(row, "is_unique")?,
    })
}

/// Returns the value of a column that is boolean on PostgreSQL and an integer on SQLite.
pub(crate) fn flag(row: &QueryResult, name: &str) -> Result<bool, DbErr> {
    row.try_get("", name).or_else(|_is_integer| Ok(row.try_get::<i64>("", name)? != 0))
}

/// A foreign key.
pub(crate) struct Reference {
    /// The name of the constraint. SQLite has none.
    pub(crate) constraint: String,
    /// The schema of the table that the key refers to. `None` stands for the current schema.
    pub(crate) schema: Option<String>,
    /// The name of the table that the key refers to.
    pub(crate) table: String,
}

const POSTGRES_REFERENCES: &str = r#"
select f.conname::text as name, nullif(s.nspname, current_schema())::text as "schema", t.relname::text as "table"
from pg_constraint f join pg_class c on c.oid = f.conrelid
join pg_namespace n on n.oid = c.relnamespace join pg_class t on t.oid = f.confrelid
join pg_namespace s on s.oid = t.relnamespace
join pg_attribute a on a.attrelid = c.oid and f.conkey = array[a.attnum]
where f.contype = 'f' and n.nspname = current_schema() and c.relname = $1 and a.attname = $2"#;

const SQLITE_REFERENCES: &str =
    r#"select '' as name, null as "schema", "table" from pragma_foreign_key_list(?) where lower("from") = ?"#;

/// Returns the foreign keys of a column.
pub(crate) async fn references(db: &impl ConnectionTrait, table: &str, column: &str) -> Result<Vec<Reference>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => POSTGRES_REFERENCES,
        _ => SQLITE_REFERENCES,
    };
    let read = |row: &QueryResult| {
        Ok(Reference {
            constraint: row.try_get("", "name")?,
            schema: row.try_get("", "schema")?,
            table: row.try_get("", "table")?,
        })
    };
    rows(db, sql, [table, column]).await?.iter().map(read).collect()
}

/// Returns `true` if the column contains text and never treats different texts as equal.
pub(crate) fn is_text(backend: DbBackend, column: &Column) -> bool {
    match backend {
        DbBackend::Postgres => {
            let name = column.data_type.as_str();
            let is_more = name.ends_with("[]") || name.contains(" collate ");
            (name == "text" || name.starts_with("character")) && !is_more
        }
        _ => affinity(&column.data_type) == Affinity::Text,
    }
}

/// Executes a query, and returns its rows.
pub(crate) async fn rows<const N: usize>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: [&str; N],
) -> Result<Vec<QueryResult>, DbErr> {
    let values = values.map(Value::from);
    db.query_all_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await
}

/// Executes a query that returns one row, and returns the number in its column `count`.
pub(crate) async fn count(db: &impl ConnectionTrait, sql: &str) -> Result<u64, DbErr> {
    let row = rows(db, sql, []).await?.into_iter().next();
    let count: i64 = row.map(|row| row.try_get("", "count")).transpose()?.unwrap_or_default();
    Ok(count.unsigned_abs())
}

/// Executes a query, and returns `true` if it returns at least one row.
pub(crate) async fn exists(db: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
    Ok(!rows(db, sql, []).await?.is_empty())
}

/// Returns the name of the schema in which PostgreSQL creates tables.
pub(crate) async fn current_schema(db: &impl ConnectionTrait) -> Result<String, DbErr> {
    let row = rows(db, "select current_schema()::text as schema", []).await?.into_iter().next();
    Ok(row.map(|row| row.try_get("", "schema")).transpose()?.unwrap_or_default())
}
