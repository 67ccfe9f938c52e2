//! Reads from the database which columns a table has.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use taskbridge_schema::{AuthTable, SECOND_FACTOR_TABLES, plain, quoted, verbatim};

use super::connection_pool::ConnectionPool;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type of the column, as the database names it.
    pub(super) data_type: String,
}

impl Column {
    /// Returns the name as an identifier in a statement.
    pub(super) fn identifier(&self) -> String {
        quoted(&verbatim(&self.name))
    }
}

/// A table and its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The name of the schema, if the table is not in the schema in which PostgreSQL creates tables.
    pub(super) schema: Option<String>,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
}

impl Table {
    /// Returns the name as an identifier in a statement.
    pub(super) fn identifier(&self) -> String {
        let names = self.schema.iter().chain([&self.name]);
        names.map(|name| quoted(&verbatim(name))).collect::<Vec<_>>().join(".")
    }
}

/// Returns `true` if one of Better Auth's tables exists with these columns.
pub(super) async fn has_columns(pool: &ConnectionPool, table: AuthTable, wanted: &[&str]) -> Result<bool, DbErr> {
    let table = pool.rewriter.map().table(table);
    let found = columns(pool, table.schema.as_deref(), &table.name).await?;
    let is_found = |name: &String| found.iter().any(|column| column.name == *name);
    Ok(wanted.iter().all(|column| table.columns.get(column).is_some_and(|column| is_found(&column.name))))
}

/// Returns the name of one of Better Auth's tables for a statement that an operator executes, whose search path may be
/// another one: on PostgreSQL with the schema.
pub(super) async fn name_for_operators(pool: &ConnectionPool, table: AuthTable) -> Result<String, DbErr> {
    let table = pool.rewriter.map().table(table);
    let backend = pool.get_database_backend();
    if table.schema.is_some() || backend != DbBackend::Postgres {
        return Ok(table.quoted());
    }
    let select = Statement::from_string(backend, "select current_schema()::text as name");
    let schema: Option<String> = match pool.query_one_raw(select).await? {
        Some(row) => row.try_get("", "name")?,
        None => None,
    };
    let names = schema.iter().chain([&table.name]);
    Ok(names.map(|name| quoted(name)).collect::<Vec<_>>().join("."))
}

/// Returns the columns of the table `user` that Better Auth defines only in plugins, or that are of the app.
pub(super) async fn other_user_columns(pool: &ConnectionPool) -> Result<Vec<Column>, DbErr> {
    let user = pool.rewriter.map().table(AuthTable::User);
    let mut others = columns(pool, user.schema.as_deref(), &user.name).await?;
    others.retain(|other| user.columns.values().all(|known| known.name != other.name));
    Ok(others)
}

/// Returns the tables of Better Auth's `twoFactor` plugin, which are in the same schema as the table `user`. Case and
/// underscores in names are ignored. There may be several, one of them unused: an app that renames the
/// table may keep the old one.
pub(super) async fn second_factors(pool: &ConnectionPool) -> Result<Vec<Table>, DbErr> {
    let schema = pool.rewriter.map().table(AuthTable::User).schema.as_deref();
    let backend = pool.get_database_backend();
    let names = SECOND_FACTOR_TABLES.map(|name| format!("'{name}'")).join(", ");
    let (select, values) = match backend {
        DbBackend::Postgres => (
            format!(
                "select c.relname::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                 where lower(replace(c.relname, '_', '')) in ({names}) and n.nspname = coalesce($1, current_schema()) \
                 and c.relkind in ('r', 'p') order by c.relname"
            ),
            vec![schema.into()],
        ),
        _ => (
            format!(
                "select name from sqlite_schema where type = 'table' and lower(replace(name, '_', '')) in ({names}) \
                 order by name"
            ),
            Vec::new(),
        ),
    };
    let mut tables = Vec::new();
    for row in pool.query_all_raw(Statement::from_sql_and_values(backend, select, values)).await? {
        let name: String = row.try_get("", "name")?;
        let columns = columns(pool, schema, &name).await?;
        let has = |wanted| columns.iter().any(|column| plain(&column.name) == wanted);
        if has("userid") && has("secret") {
            tables.push(Table { schema: schema.map(str::to_owned), name, columns });
        }
    }
    Ok(tables)
}

/// Returns the columns of a table, including generated ones. The result is empty if there is no such table. `None`
/// stands for the schema in which PostgreSQL creates tables.
pub(super) async fn columns(pool: &ConnectionPool, schema: Option<&str>, table: &str) -> Result<Vec<Column>, DbErr> {
    let backend = pool.get_database_backend();
    let (select, values) = match backend {
        DbBackend::Postgres => (
            "select a.attname::text as name, format_type(a.atttypid, a.atttypmod) as data_type \
             from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace \
             where c.relname = $1 and n.nspname = coalesce($2, current_schema()) and c.relkind in ('r', 'p') \
             and a.attnum > 0 and not a.attisdropped order by a.attnum",
            vec![table.into(), schema.into()],
        ),
        _ => (
            "select name, lower(type) as data_type from pragma_table_xinfo(?) where hidden <> 1 order by cid",
            vec![table.into()],
        ),
    };
    let rows = pool.query_all_raw(Statement::from_sql_and_values(backend, select, values)).await?;
    rows.iter()
        .map(|row| Ok(Column { name: row.try_get("", "name")?, data_type: row.try_get("", "data_type")? }))
        .collect()
}
