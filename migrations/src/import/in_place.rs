//! Imports the table `tasks` of another backend into the same database: it is renamed, so that Taskbridge can create its
//! own.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use taskbridge_schema::{QualifiedName, quoted};

use super::record;
use crate::catalog::{self, Table};
use crate::error::{MigrateError, reason, refused};
use crate::ledger;
use crate::migrations::Migrations;
use crate::task_fields::TaskField;
use crate::users::Users;

/// Returns `true` if the table is the table `tasks` into which tasks are imported.
pub(super) async fn is_tasks(db: &DatabaseConnection, from: &QualifiedName) -> Result<bool, DbErr> {
    let is_sqlite = db.get_database_backend() == DbBackend::Sqlite;
    let is_named = from.name == "tasks" || is_sqlite && from.name.eq_ignore_ascii_case("tasks");
    Ok(is_named
        && match &from.schema {
            None => true,
            Some(schema) => is_sqlite || *schema == catalog::current_schema(db).await?,
        })
}

/// Checks that the table `tasks` is not Taskbridge's own.
///
/// # Errors
/// A refusal if Taskbridge has created or adopted the table.
pub(super) async fn require_other_backend(
    db: &DatabaseConnection,
    migrations: &Migrations,
    tasks: &Table,
) -> Result<(), MigrateError> {
    let is_pending = migrations.pending(db).await?.iter().any(|migration| migration.tables().contains(&"tasks"));
    if is_pending || !is_adopted(db.get_database_backend(), tasks) {
        return Ok(());
    }
    let imported: Vec<_> = record::sources(db).await?.iter().map(|name| quoted(name)).collect();
    let repeated = if imported.is_empty() {
        String::new()
    } else {
        format!("; to repeat an import, name {}", imported.join(" or "))
    };
    Err(refused("tasks", &format!("is the table that Taskbridge uses; name the table of the other backend{repeated}"))
        .into())
}

/// Returns `true` if the table has the columns that each adopted table has. The record of applied migrations does not
/// tell, because the other backend's table may have got its name back.
fn is_adopted(backend: DbBackend, tasks: &Table) -> bool {
    TaskField::ALL.into_iter().all(|field| {
        let Some(column) = tasks.column(field.name()) else { return false };
        match (field, backend) {
            (TaskField::Id, DbBackend::Postgres) => column.data_type == "bigint",
            (TaskField::Id, _) => column.data_type == "integer" && column.is_unique && tasks.has_row_numbers,
            (TaskField::Completed, DbBackend::Postgres) => column.data_type == "boolean",
            (TaskField::CreatedAt | TaskField::UpdatedAt, DbBackend::Postgres) => {
                column.data_type.starts_with("timestamp") && column.data_type.ends_with("with time zone")
            }
            _ => true,
        }
    })
}

/// Renames the table, and the indices whose names Taskbridge's table needs. Its migrations become pending. Returns the new
/// name of the table.
pub(super) async fn rename_tasks(db: &DatabaseConnection) -> Result<String, DbErr> {
    let name = unused(db, "tasks_old").await?;
    let is_postgres = db.get_database_backend() == DbBackend::Postgres;
    let (limit, unlimited) =
        if is_postgres { ("set local lock_timeout = '5s'; ", "; set local lock_timeout = 0") } else { ("", "") };
    let rename = format!(r#"{limit}alter table "tasks" rename to {}{unlimited}"#, quoted(&name));
    if let Err(error) = db.execute_unprepared(&rename).await {
        let why =
            format!("cannot be renamed: {}; stop the programs that use it, and run the command again", reason(&error));
        return Err(refused("tasks", &why));
    }
    let indices = if is_postgres { POSTGRES_INDICES } else { SQLITE_INDICES };
    for row in catalog::rows(db, indices, []).await? {
        let index: String = row.try_get("", "name")?;
        if is_postgres {
            let new = unused(db, &format!("{index}_old")).await?;
            db.execute_unprepared(&format!("alter index {} rename to {}", quoted(&index), quoted(&new))).await?;
        } else {
            // SQLite cannot rename an index.
            db.execute_unprepared(&format!("drop index {}", quoted(&index))).await?;
        }
    }
    for migration in Migrations::of(Users::Elsewhere).names() {
        if ledger::contains(db, migration).await? {
            ledger::erase(db, migration).await?;
        }
    }
    Ok(name)
}

/// Selects the indices that have the names of Taskbridge's indices. PostgreSQL itself chooses `tasks_user_id_idx` for an
/// index without a name, and the others are those of a table that Taskbridge used before.
const POSTGRES_INDICES: &str = "select relname::text as name from pg_class
where relnamespace = quote_ident(current_schema())::regnamespace and relkind in ('i', 'I')
  and relname in ('tasks_user_id_created_at_id_idx', 'tasks_user_id_title_id_idx', 'tasks_user_id_idx')";

const SQLITE_INDICES: &str = r#"select "name" from sqlite_schema
where "type" = 'index' and "name" in ('tasks_user_id_created_at_id_idx', 'tasks_user_id_title_id_idx')"#;

/// Returns the name, with a number if a table or an index already has it.
async fn unused(db: &DatabaseConnection, name: &str) -> Result<String, DbErr> {
    let select = match db.get_database_backend() {
        DbBackend::Postgres => {
            "select 1 as one from pg_class where relnamespace = quote_ident(current_schema())::regnamespace and relname = $1"
        }
        _ => "select 1 as one from sqlite_schema where lower(name) = ?",
    };
    let mut unused = name.to_owned();
    let mut number = 1;
    while !catalog::rows(db, select, [&unused]).await?.is_empty() {
        number += 1;
        unused = format!("{name}_{number}");
    }
    Ok(unused)
}
