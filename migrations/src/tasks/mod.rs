//! The table of the tasks: made, or adopted from a backend that kept its tasks in the same database.
//!
//! An adopted table keeps its rows and its other columns. It is checked first; then what is missing is added and what
//! is narrower than ours is widened, `postgres` and `sqlite` say how. Tasks without an owner stay as they are: nobody
//! sees them, for every statement on tasks asks for an owner's.

mod postgres;
mod sqlite;

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::error::{refused, refused_column};
use crate::migrate::Users;
use crate::schema::{self, Reference, Table};

/// The step that makes the table.
pub(crate) const STEP: &str = "m20261121_000002_tasks";

const COLUMNS: [&str; 7] = ["id", "user_id", "title", "description", "completed", "created_at", "updated_at"];

/// Holds exactly the order of the owner's list.
const INDEX: &str = r#"create index if not exists "tasks_user_id_created_at_id_idx" on "tasks" ("user_id", "created_at" desc, "id" desc)"#;

const WITHOUT_OWNER: &str = r#""user_id" is null or "user_id" = ''"#;

/// What else can be done about a table that cannot be adopted.
const OR_RENAME: &str = "or rename the table, and a new one is made";

pub(crate) async fn make_or_adopt(db: &impl ConnectionTrait, users: Users) -> Result<(), DbErr> {
    let is_postgres = db.get_database_backend() == DbBackend::Postgres;
    let Some(table) = schema::table(db, "tasks").await? else {
        let has_users = schema::has_users(db).await?;
        let reference = if has_users { r#" references "user" ("id") on delete cascade"# } else { "" };
        let create = if is_postgres { postgres::create(reference) } else { sqlite::create(reference) };
        db.execute_unprepared(&create).await?;
        return db.execute_unprepared(INDEX).await.map(drop);
    };
    check(db, &table).await?;
    if is_postgres {
        postgres::adopt(db, &table).await?;
    } else {
        sqlite::adopt(db, &table).await?;
    }
    db.execute_unprepared(INDEX).await?;
    refer_to_users(db, users).await
}

/// Refuses the table when it cannot be adopted. Returns `false` if there is none. Nothing is changed.
pub(crate) async fn check_table(db: &impl ConnectionTrait, users: Users) -> Result<bool, DbErr> {
    let Some(table) = schema::table(db, "tasks").await? else { return Ok(false) };
    check(db, &table).await?;
    check_references(db, users).await?;
    Ok(true)
}

async fn check(db: &impl ConnectionTrait, table: &Table) -> Result<(), DbErr> {
    check_columns(table)?;
    match db.get_database_backend() {
        DbBackend::Postgres => postgres::check(db, table).await,
        _ => sqlite::check(db, table).await,
    }
}

/// What is asked of the table whatever the database.
fn check_columns(table: &Table) -> Result<(), DbErr> {
    for name in ["id", "user_id", "title"] {
        if table.column(name).is_none() {
            let found =
                table.column_like(name).map(|other| format!(", there is \"{}\"", other.name)).unwrap_or_default();
            return Err(refused_column("tasks", name, &format!("missing{found}; add it, {OR_RENAME}")));
        }
    }
    let is_ours = |name: &str| COLUMNS.contains(&name);
    match table.columns.iter().find(|column| column.is_required && !column.has_default && !is_ours(&column.name)) {
        Some(column) => {
            let why = format!("must have a value, and is not known here; allow null, give it a default, {OR_RENAME}");
            Err(refused_column("tasks", &column.name, &why))
        }
        None => Ok(()),
    }
}

/// Tasks go with their user. On SQLite a table that is there cannot be given a foreign key: it stays without.
pub(crate) async fn refer_to_users(db: &impl ConnectionTrait, users: Users) -> Result<(), DbErr> {
    let references = check_references(db, users).await?;
    let can_be_added = db.get_database_backend() == DbBackend::Postgres && references.is_empty();
    if can_be_added && schema::has_users(db).await? {
        db.execute_unprepared(postgres::REFERENCE).await?;
    }
    Ok(())
}

/// What tasks refer to; refused when that are not the users, and these are here.
pub(crate) async fn check_references(db: &impl ConnectionTrait, users: Users) -> Result<Vec<Reference>, DbErr> {
    let references = schema::references(db, "tasks", "user_id").await?;
    match references.iter().find(|reference| !reference.table.eq_ignore_ascii_case("user")) {
        Some(other) if users == Users::Here => {
            let why = format!(
                "refers to the table \"{}\", but the users are in \"user\"; drop that foreign key, or use \
                 AUTH_MODE=bridge",
                other.table
            );
            Err(refused_column("tasks", "user_id", &why))
        }
        _ => Ok(references),
    }
}

/// Drops the table, unless something would be lost.
pub(crate) async fn drop_empty(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let Some(table) = schema::table(db, "tasks").await? else { return Ok(()) };
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared(r#"lock table "tasks" in access exclusive mode"#).await?;
    }
    let count = schema::count(db, r#"select count(*) as count from "tasks""#).await?;
    if count > 0 {
        return Err(refused("tasks", &format!("holds {count} tasks; delete them first, or drop the table yourself")));
    }
    if let Some(column) = table.columns.iter().find(|column| !COLUMNS.contains(&column.name.as_str())) {
        return Err(refused_column("tasks", &column.name, "was not made by Taskbridge; drop the table yourself"));
    }
    db.execute_unprepared(r#"drop table "tasks""#).await.map(drop)
}

/// How many tasks belong to nobody.
pub(crate) async fn count_without_owner(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    schema::count(db, &format!(r#"select count(*) as count from "tasks" where {WITHOUT_OWNER}"#)).await
}

/// Gives the tasks of nobody to a user; how many there were.
pub(crate) async fn assign(db: &impl ConnectionTrait, user_id: &str) -> Result<u64, DbErr> {
    let place = if db.get_database_backend() == DbBackend::Postgres { "$1" } else { "?" };
    let update = format!(r#"update "tasks" set "user_id" = {place} where {WITHOUT_OWNER}"#);
    let update = Statement::from_sql_and_values(db.get_database_backend(), update, [user_id.into()]);
    Ok(db.execute_raw(update).await?.rows_affected())
}
