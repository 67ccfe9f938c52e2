//! Creates the table `tasks`, or adopts an existing one that another backend created.
//!
//! An adopted table keeps its rows and its other columns. It is checked first; then missing columns are added, and
//! columns that are too narrow are widened. Tasks without an owner are kept but never shown, because every query
//! filters by owner.

mod owners;
mod postgres;
mod sqlite;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use taskbridge_schema::Plan;

use self::owners::Owners;
use crate::catalog::{self, Column, Table};
use crate::context::Context;
use crate::error::{OR_RENAME, refused, refused_column};
use crate::index::{self, Index};
use crate::migration::Execution;

/// The columns of the table `tasks` that Taskbridge uses.
const COLUMNS: [&str; 7] = ["id", "user_id", "title", "description", "completed", "created_at", "updated_at"];

/// The index for listing the tasks of an owner in the default order.
pub(crate) const BY_CREATION: Index = Index {
    name: "tasks_user_id_created_at_id_idx",
    table: "tasks",
    postgres: Some(r#"("user_id", "created_at" desc, "id" desc)"#),
    sqlite: Some(r#"("user_id", "created_at" desc, "id" desc)"#),
};

/// Returns the SQL condition that selects tasks without an owner.
fn without_owner(backend: DbBackend, table: &Table) -> &'static str {
    let can_be_empty = |column: &Column| backend != DbBackend::Postgres || catalog::is_text(backend, column);
    if table.column("user_id").is_some_and(can_be_empty) {
        r#""user_id" is null or "user_id" = ''"#
    } else {
        r#""user_id" is null"#
    }
}

/// Creates the table `tasks`, or adopts the existing one.
pub(crate) async fn create_or_adopt(db: &DatabaseConnection, context: &Context) -> Result<(), DbErr> {
    let is_postgres = db.get_database_backend() == DbBackend::Postgres;
    let owners = Owners::read(db, context).await?;
    let Some(table) = catalog::table(db, "tasks").await? else {
        let reference = owners.reference();
        let create =
            if is_postgres { postgres::create(owners.data_type(), &reference) } else { sqlite::create(&reference) };
        db.execute_unprepared(&create).await?;
        return index::create_all(db, &[BY_CREATION], Execution::InTransaction).await;
    };
    check(db, &table, &owners).await?;
    if is_postgres {
        postgres::adopt(db, &table).await?;
    } else {
        sqlite::adopt(db, &table).await?;
    }
    index::create_all(db, &[BY_CREATION], Execution::InTransaction).await?;
    refer_to_users(db, context).await
}

/// Checks that the table `tasks` can be created or, if it exists, adopted.
///
/// # Errors
/// A refusal if the table cannot be adopted.
pub(crate) async fn check_table(db: &DatabaseConnection, context: &Context) -> Result<(), DbErr> {
    index::check(db, &[BY_CREATION]).await?;
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(()) };
    let owners = Owners::read(db, context).await?;
    check(db, &table, &owners).await?;
    owners.check_references(db).await.map(drop)
}

async fn check(db: &impl ConnectionTrait, table: &Table, owners: &Owners) -> Result<(), DbErr> {
    check_columns(table)?;
    match db.get_database_backend() {
        DbBackend::Postgres => postgres::check(db, table, owners).await,
        _ => sqlite::check(db, table).await,
    }
}

/// Checks the columns against the requirements that are the same on PostgreSQL and SQLite.
fn check_columns(table: &Table) -> Result<(), DbErr> {
    for name in ["id", "user_id", "title"] {
        if table.column(name).is_none() {
            let found =
                table.column_like(name).map(|other| format!(", but \"{}\" exists", other.name)).unwrap_or_default();
            return Err(refused_column("tasks", name, &format!("missing{found}; add it, {OR_RENAME}")));
        }
    }
    let is_ours = |name: &str| COLUMNS.contains(&name);
    match table.columns.iter().find(|column| column.is_required && !column.has_default && !is_ours(&column.name)) {
        Some(column) => {
            let why = format!("is required, but unknown to Taskbridge; allow null, add a default, {OR_RENAME}");
            Err(refused_column("tasks", &column.name, &why))
        }
        None => Ok(()),
    }
}

/// Adds the foreign key that deletes the tasks of a deleted user, if `tasks` has none and there is a table of users. Does
/// nothing on SQLite, which cannot add a foreign key to an existing table.
pub(crate) async fn refer_to_users(db: &impl ConnectionTrait, context: &Context) -> Result<(), DbErr> {
    let owners = Owners::read(db, context).await?;
    let references = owners.check_references(db).await?;
    let reference = owners.reference();
    if db.get_database_backend() == DbBackend::Postgres && references.is_empty() && !reference.is_empty() {
        db.execute_unprepared(&postgres::add_reference(&reference)).await?;
    }
    Ok(())
}

/// Checks that tasks can belong to the users: the type and the foreign key of the column `user_id`. Does nothing if
/// there is no table `tasks`.
///
/// # Errors
/// A refusal if the users are in this database but tasks cannot belong to them.
pub(crate) async fn check_owners(db: &impl ConnectionTrait, plan: &Plan, context: &Context) -> Result<(), DbErr> {
    let owners = Owners::of(plan, context);
    if db.get_database_backend() == DbBackend::Postgres
        && let Some(table) = catalog::table(db, "tasks").await?
        && let Some(column) = table.column("user_id")
    {
        owners.check_type(db, column).await?;
    }
    owners.check_references(db).await.map(drop)
}

/// Drops the table `tasks`.
///
/// # Errors
/// A refusal if the table contains tasks, or a column that Taskbridge did not create.
pub(crate) async fn drop_empty(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(()) };
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(r#"lock table "tasks" in access exclusive mode"#).await?;
    }
    let count = catalog::count(db, r#"select count(*) as count from "tasks""#).await?;
    if count > 0 {
        return Err(refused(
            "tasks",
            &format!("contains {count} tasks; delete them first, or drop the table yourself"),
        ));
    }
    if let Some(column) = table.columns.iter().find(|column| !COLUMNS.contains(&column.name.as_str())) {
        return Err(refused_column("tasks", &column.name, "was not created by Taskbridge; drop the table yourself"));
    }
    if db.get_database_backend() == DbBackend::Postgres && !postgres::generates_ids_as_ours(db).await? {
        return Err(refused_column("tasks", "id", "was not created by Taskbridge; drop the table yourself"));
    }
    db.execute_unprepared(r#"drop table "tasks""#).await.map(drop)
}

/// Returns the number of tasks that have no owner.
pub(crate) async fn count_without_owner(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(0) };
    let without_owner = without_owner(db.get_database_backend(), &table);
    catalog::count(db, &format!(r#"select count(*) as count from "tasks" where {without_owner}"#)).await
}

/// Assigns all tasks without an owner to the user `user_id`, and returns the number of assigned tasks.
pub(crate) async fn assign(db: &impl ConnectionTrait, table: &Table, user_id: &str) -> Result<u64, DbErr> {
    let backend = db.get_database_backend();
    let update = format!(r#"update "tasks" set "user_id" = $1 where {}"#, without_owner(backend, table));
    let update = Statement::from_sql_and_values(backend, update, [user_id.into()]);
    Ok(db.execute_raw(update).await?.rows_affected())
}
