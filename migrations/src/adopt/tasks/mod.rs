//! Creates the table `tasks`, or adopts an existing one that another backend created.
//!
//! An adopted table keeps its rows and its other columns. It is checked first; then missing columns are added, and
//! columns that are too narrow are widened. Tasks without an owner are kept but never shown, because every query
//! filters by owner.

mod fields;
mod obstacles;
mod owners;
mod postgres;
mod sqlite;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};
use taskbridge_schema::{Plan, Refusal};

pub(crate) use self::owners::Owners;
use crate::catalog::{self, Column, Table};
use crate::context::Context;
use crate::error::{accept, refused, refused_column};
use crate::import;
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

/// Tasks whose owner is not a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnknownOwners {
    /// Number of these tasks.
    pub tasks: u64,
    /// The owners with the most tasks, at most three.
    pub examples: Vec<String>,
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
        import::drop_record(db).await?;
        return index::create_all(db, &[BY_CREATION], Execution::InTransaction).await;
    };
    // Other sessions may have changed the table since it was checked.
    accept(obstacles::refusals(db, &table, &owners).await?).map_err(|refused| DbErr::Migration(refused.to_string()))?;
    if is_postgres {
        postgres::adopt(db, &table).await?;
    } else {
        sqlite::adopt(db, &table).await?;
    }
    index::create_all(db, &[BY_CREATION], Execution::InTransaction).await?;
    refer_to_users(db, context, "tasks").await
}

/// Returns all reasons for which the table `tasks` cannot be adopted. There are none if it does not exist.
///
/// # Errors
/// A refusal if there is no table of this name but, for example, a view.
pub(crate) async fn refusals(db: &DatabaseConnection, context: &Context) -> Result<Vec<Refusal>, DbErr> {
    index::check(db, &[BY_CREATION]).await?;
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(Vec::new()) };
    obstacles::refusals(db, &table, &Owners::read(db, context).await?).await
}

/// Adds the foreign key that deletes the rows of a deleted user, if the table exists and has none, and there is a table of
/// users. Does nothing on SQLite, which cannot add a foreign key to an existing table.
pub(crate) async fn refer_to_users(db: &impl ConnectionTrait, context: &Context, table: &str) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let owners = Owners::read(db, context).await?;
    let found = catalog::table(db, table).await?;
    let fits = found.is_some_and(|found| found.column("user_id").is_some_and(|column| owners.fit(column)));
    let reference = owners.reference();
    if fits && !reference.is_empty() && catalog::references(db, table, "user_id").await?.is_empty() {
        db.execute_unprepared(&postgres::add_reference(table, &reference)).await?;
    }
    Ok(())
}

/// Returns `true` if tasks refer to a table of users, or would do so after the migrations.
pub(crate) async fn refer_or_would(db: &impl ConnectionTrait, context: &Context, exists: bool) -> Result<bool, DbErr> {
    if exists && !catalog::references(db, "tasks", "user_id").await?.is_empty() {
        return Ok(true);
    }
    let gets_reference = !exists || db.get_database_backend() == DbBackend::Postgres;
    Ok(gets_reference && !Owners::read(db, context).await?.reference().is_empty())
}

/// Returns the reasons for which the table `tasks` cannot be used at any start: the type, the foreign key and the collation
/// of the column `user_id`. If columns are missing, the table of another backend has got its name back after an import, and
/// cannot be adopted. There are no reasons if the table does not exist.
pub(crate) async fn start_refusals(
    db: &impl ConnectionTrait,
    plan: &Plan,
    context: &Context,
) -> Result<Vec<Refusal>, DbErr> {
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(Vec::new()) };
    let owners = Owners::of(plan, context);
    if COLUMNS.iter().any(|name| table.column(name).is_none()) {
        return obstacles::refusals(db, &table, &owners).await;
    }
    match table.column("user_id") {
        Some(column) => Ok(owners.refusal(db, column).await?.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// The next step for a table that is not dropped.
const KEEP: &str = r#"rename it, and revert again: alter table "tasks" rename to "tasks_old""#;

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
        return Err(refused("tasks", &format!("contains {count} tasks; {KEEP}")));
    }
    if let Some(column) = table.columns.iter().find(|column| !COLUMNS.contains(&column.name.as_str())) {
        return Err(refused_column("tasks", &column.name, &format!("was not created by Taskbridge; {KEEP}")));
    }
    if db.get_database_backend() == DbBackend::Postgres && !postgres::generates_ids_as_ours(db).await? {
        return Err(refused_column("tasks", "id", &format!("was not created by Taskbridge; {KEEP}")));
    }
    db.execute_unprepared(r#"drop table "tasks""#).await?;
    import::drop_record(db).await
}

/// Returns the number of tasks that have no owner. It is 0 if the table has not been adopted and has no column for owners.
pub(crate) async fn count_without_owner(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let Some(table) = catalog::table(db, "tasks").await? else { return Ok(0) };
    if table.column("user_id").is_none() {
        return Ok(0);
    }
    let without_owner = without_owner(db.get_database_backend(), &table);
    catalog::count(db, &format!(r#"select count(*) as count from "tasks" where {without_owner}"#)).await
}

/// Returns the tasks whose owner is not a user. There are none if the users are elsewhere.
pub(crate) async fn unknown_owners(
    db: &impl ConnectionTrait,
    plan: &Plan,
    context: &Context,
) -> Result<UnknownOwners, DbErr> {
    let backend = db.get_database_backend();
    let table = catalog::table(db, "tasks").await?;
    let column = table.as_ref().and_then(|table| table.column("user_id"));
    let users = Owners::of(plan, context).table_for(backend, column);
    let (Some(table), Some((users, id))) = (&table, users) else { return Ok(UnknownOwners::default()) };
    let select = format!(
        r#"select cast("owner" as text) as owner, cast(sum("count") over () as bigint) as total
        from (select "user_id" as "owner", count(*) as "count" from "tasks" where not ({}) group by "user_id") as owners
        where not exists (select 1 from {users} as users where users.{id} = owners."owner")
        order by "count" desc, "owner" limit {EXAMPLES}"#,
        without_owner(backend, table)
    );
    let rows = catalog::rows(db, &select, []).await?;
    let total: i64 = rows.first().map(|row| row.try_get("", "total")).transpose()?.unwrap_or_default();
    let examples = rows.iter().map(|row| row.try_get("", "owner")).collect::<Result<_, _>>()?;
    Ok(UnknownOwners { tasks: total.unsigned_abs(), examples })
}

/// Maximum number of unknown owners that are named.
const EXAMPLES: usize = 3;

/// Assigns all tasks without an owner to the user `user_id`, and returns the number of assigned tasks.
pub(crate) async fn assign(db: &impl ConnectionTrait, table: &Table, user_id: &str) -> Result<u64, DbErr> {
    let backend = db.get_database_backend();
    let update = format!(r#"update "tasks" set "user_id" = $1 where {}"#, without_owner(backend, table));
    let update = Statement::from_sql_and_values(backend, update, [user_id.into()]);
    Ok(db.execute_raw(update).await?.rows_affected())
}
