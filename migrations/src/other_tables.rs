//! Finds tables of another backend that contain tasks, so that an operator learns of them.

use std::collections::BTreeMap;

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};
use taskbridge_schema::{Notice, quoted};

use crate::catalog;
use crate::task_fields::{TaskField, recognize};

/// The names of tables in which other backends store tasks, without underscores and in lower case. The import renames a
/// table `tasks` to `tasks_old`.
const NAMES: [&str; 9] =
    ["task", "tasks", "taskitem", "taskitems", "tasksold", "todo", "todos", "todoitem", "todoitems"];

/// Selects the columns of the tables of these names in the current schema, if the role may read them. Omits tables that
/// another session locks exclusively or waits to lock, because to read them would wait, too.
const POSTGRES: &str = "select c.relname::text as \"table\", a.attname::text as \"column\"
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and replace(lower(c.relname), '_', '') = any (string_to_array($1, ',')) and has_table_privilege(c.oid, 'select')
  and not exists (select from pg_locks l join pg_database d on d.oid = l.database
    where l.relation = c.oid and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
      and d.datname = current_database())
order by c.relname, a.attnum";

const SQLITE: &str = r#"select t."name" as "table", c."name" as "column"
from sqlite_schema t join pragma_table_info(t."name") c
where t."type" = 'table' and instr(',' || ?1 || ',', ',' || replace(lower(t."name"), '_', '') || ',') > 0
order by t."name", c."cid""#;

/// Selects a row if the import has recorded what it has done, in a table that the role may read.
const POSTGRES_RECORDS: &str =
    "select 1 from pg_class c where c.relnamespace = quote_ident(current_schema())::regnamespace
and c.relname = 'task_imports' and has_table_privilege(c.oid, 'select')";

const SQLITE_RECORDS: &str = "select 1 from sqlite_schema where name = 'task_imports'";

/// Returns a notice for each table in the current schema that seems to contain tasks which have not been imported.
pub(crate) async fn notices(db: &impl ConnectionTrait) -> Result<Vec<Notice>, DbErr> {
    let mut notices = Vec::new();
    for name in candidates(db).await? {
        let has_rows = catalog::exists(db, &format!("select 1 from {} limit 1", quoted(&name))).await?;
        if has_rows && !is_imported(db, &name).await? {
            notices.push(Notice {
                found: format!(
                    "the table {} seems to contain tasks of another backend, which no user sees",
                    quoted(&name)
                ),
                next: format!("to import them, run: taskbridge tasks import --from {name}"),
            });
        }
    }
    Ok(notices)
}

/// Returns the names of the tables that have a title, and a done flag or an owner.
async fn candidates(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in catalog::rows(db, sql, [&NAMES.join(",")]).await? {
        tables.entry(row.try_get("", "table")?).or_default().push(row.try_get("", "column")?);
    }
    let is_ours = |name: &str| match db.get_database_backend() {
        DbBackend::Postgres => name == "tasks",
        _ => name.eq_ignore_ascii_case("tasks"),
    };
    let contains_tasks = |columns: &[String]| {
        let columns: Vec<_> = columns.iter().map(String::as_str).collect();
        let found = recognize(&columns);
        let has = |field| found.contains_key(&field);
        has(TaskField::Title) && (has(TaskField::Completed) || has(TaskField::UserId))
    };
    let found = tables.into_iter().filter(|(name, columns)| !is_ours(name) && contains_tasks(columns));
    Ok(found.map(|(name, _)| name).collect())
}

/// Returns `true` if at least one row of the table has been imported.
async fn is_imported(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let (records, imported) = match db.get_database_backend() {
        DbBackend::Postgres => (POSTGRES_RECORDS, r#"select 1 from "task_imports" where "source" = $1 limit 1"#),
        _ => (SQLITE_RECORDS, r#"select 1 from "task_imports" where "source" = ?1 limit 1"#),
    };
    Ok(catalog::exists(db, records).await? && !catalog::rows(db, imported, [name]).await?.is_empty())
}
