//! Creates the table `tasks`, or adopts an existing one that another backend created.
//!
//! An adopted table keeps its rows and its other columns. It is checked first; then missing columns are added, and
//! columns that are too narrow are widened. Tasks without an owner are kept but never shown, because every query
//! filters by owner.

mod postgres;
mod sqlite;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use crate::catalog::{self, Table};
use crate::error::{OR_RENAME, refused, refused_column};
use crate::index::{self, Index};
use crate::migration::Execution;
use crate::users::Users;

/// The columns of the table `tasks` that Taskbridge uses.
const COLUMNS: [&str; 7] = ["id", "user_id", "title", "description", "completed", "created_at", "updated_at"];

/// The index for listing the tasks of an owner in the default order.
pub(crate) const BY_CREATION: Index = Index {
    name: "tasks_user_id_created_at_id_idx",
    table: "tasks",
    postgres: Some(r#"("user_id", "created_at" desc, "id" desc)"#),
    sqlite: Some(r#"("user_id", "created_at" desc, "id" desc)"#),
};

/// The SQL condition that selects tasks without an owner.
const WITHOUT_OWNER: &str = r#""user_id" is null or "user_id" = ''"#;

/// Creates the table `tasks`, or adopts the existing one.
pub(crate) async fn create_or_adopt(db: &DatabaseConnection, users: Users) -> Result<(), DbErr> {
    let is_postgres = db.get_database_backend() == DbBackend::Postgres;
    let Some(table) = catalog::table(db, "tasks").await? else {
        let has_users = catalog::has_users(db).await?;
        let reference = if has_users { r#" references "user" ("id") on delete cascade"# } else { "" };
        let create = if is_postgres { postgres::create(reference) } else { sqlite::create(reference) };
        db.execute_unprepared(&create).await?;
        return index::create_all(db, &[BY_CREATION], Execution::InTransaction).await;
    };
    check(db, &table).await?;
    if is_postgres {
        postgres::adopt(db, &table).await?;
    } else {
        sqlite::adopt(db, &table).await?;
    }
    index::create_all(db, &[BY_CREATION], Execution::InTransaction).await?;
    refer_to_users(db, users).await
}

/// Checks that the table `tasks` can be created or, if it exists, adopted.
///
/// # Errors
/// A refusal if the table cannot be adopted.
pub(crate) async fn check_table(db: &DatabaseConnection, users: Users) -> Result<(), DbErr> {
    index::check(db, &[BY_CREATION]).await?;
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(()) };
    check(db, &table).await?;
    check_references(db, users).await.map(drop)
}

async fn check(db: &impl ConnectionTrait, table: &Table) -> Result<(), DbErr> {
    check_columns(table)?;
    match db.get_database_backend() {
        DbBackend::Postgres => postgres::check(db, table).await,
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

/// Adds the foreign key that deletes the tasks of a deleted user, if `tasks` has none and there is a table `user`. Does
/// nothing on SQLite, which cannot add a foreign key to an existing table.
pub(crate) async fn refer_to_users(db: &impl ConnectionTrait, users: Users) -> Result<(), DbErr> {
    let references = check_references(db, users).await?;
    let can_be_added = db.get_database_backend() == DbBackend::Postgres && references.is_empty();
    if can_be_added && catalog::has_users(db).await? {
        db.execute_unprepared(postgres::REFERENCE).await?;
    }
    Ok(())
}

/// Returns the names of the tables to which the foreign keys of the column `user_id` refer.
///
/// # Errors
/// A refusal if the users are in this database but `user_id` refers to a table other than `user`.
pub(crate) async fn check_references(db: &impl ConnectionTrait, users: Users) -> Result<Vec<String>, DbErr> {
    let references = catalog::references(db, "tasks", "user_id").await?;
    match references.iter().find(|table| !table.eq_ignore_ascii_case("user")) {
        Some(other) if users == Users::Here => {
            let why = format!(
                "refers to the table \"{other}\", but the users are in \"user\"; drop that foreign key, or use \
                 AUTH_MODE=bridge"
            );
            Err(refused_column("tasks", "user_id", &why))
        }
        _ => Ok(references),
    }
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
    db.execute_unprepared(r#"drop table "tasks""#).await.map(drop)
}

/// Returns the number of tasks that have no owner.
pub(crate) async fn count_without_owner(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    if catalog::table(db, "tasks").await?.is_none() {
        return Ok(0);
    }
    catalog::count(db, &format!(r#"select count(*) as count from "tasks" where {WITHOUT_OWNER}"#)).await
}

/// Assigns all tasks without an owner to the user `user_id`, and returns the number of assigned tasks.
pub(crate) async fn assign(db: &impl ConnectionTrait, user_id: &str) -> Result<u64, DbErr> {
    let update = format!(r#"update "tasks" set "user_id" = $1 where {WITHOUT_OWNER}"#);
    let update = Statement::from_sql_and_values(db.get_database_backend(), update, [user_id.into()]);
    Ok(db.execute_raw(update).await?.rows_affected())
}
