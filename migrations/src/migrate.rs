//! The steps, and how they are run.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use sea_orm_migration::{Migration, MigrationTrait, MigratorTraitSelf};

use crate::error::MigrateError;
use crate::session::Session;
use crate::{better_auth, m20261121_000001_better_auth, m20261121_000002_tasks, owners, schema, tasks};

/// Where the users are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// In this database (server mode): Better Auth's tables are made or adopted.
    Here,
    /// Somebody else's concern (bridge mode): Better Auth's tables are not touched, and may be missing.
    Elsewhere,
}

/// What [`up`] did and saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The names of the steps that were applied, in order.
    pub applied: Vec<String>,
    /// How many tasks belong to nobody: kept, but never shown. [`assign_tasks`](crate::assign_tasks) gives them away.
    pub tasks_without_owner: u64,
}

/// A step, and whether it has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// Whether it has been applied to this database.
    pub applied: bool,
}

/// Brings the schema up to date. Any number of processes may do it at once.
///
/// # Errors
/// [`MigrateError::Refused`] when a table that is there cannot be adopted. Nothing was changed then.
pub async fn up(db: &DatabaseConnection, users: Users) -> Result<Report, MigrateError> {
    let session = Session::begin_exclusive(db).await?;
    let report = run_up(session.connection(), users).await;
    session.end(report).await
}

/// Takes back the last `steps` steps; the names of those that were, in that order. Users are never dropped, and tasks
/// neither: Better Auth's tables stay.
///
/// # Errors
/// [`MigrateError::Refused`] when the table of the tasks holds any, or was not made by us, or when a newer Taskbridge
/// has applied a step that is not known here. Nothing was changed then.
pub async fn down(db: &DatabaseConnection, users: Users, steps: u32) -> Result<Vec<String>, MigrateError> {
    let session = Session::begin_exclusive(db).await?;
    let undone = run_down(session.connection(), users, steps).await;
    session.end(undone).await
}

/// All steps in order. Nothing is changed.
///
/// # Errors
/// [`MigrateError::Database`] when the database fails.
pub async fn status(db: &DatabaseConnection, users: Users) -> Result<Vec<Step>, MigrateError> {
    let session = Session::begin(db).await?;
    let applied = applied(session.connection()).await;
    let step = |name: String, applied: &[String]| Step { applied: applied.contains(&name), name };
    let steps = applied.map(|applied| Steps(users).names().into_iter().map(|name| step(name, &applied)).collect());
    session.end(steps).await
}

/// Returns all migrations in order, if [`up`] would not refuse the database. Changes and locks nothing.
///
/// # Errors
/// [`MigrateError::Refused`] when `up` would refuse a table that is there.
pub async fn check(db: &DatabaseConnection, users: Users) -> Result<Vec<Step>, MigrateError> {
    let steps = status(db, users).await?;
    let session = Session::begin(db).await?;
    let checked = check_pending(session.connection(), users, &steps).await;
    session.end(checked).await?;
    Ok(steps)
}

/// The steps for a database with these users.
struct Steps(Users);

impl Steps {
    fn names(&self) -> Vec<String> {
        self.migrations().iter().map(|step| step.name().to_owned()).collect()
    }
}

/// As sea-orm's, but a step that is not known here is none of our business: a newer replica may have applied it.
#[async_trait::async_trait]
impl MigratorTraitSelf for Steps {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let mut steps: Vec<Box<dyn MigrationTrait>> = Vec::new();
        if self.0 == Users::Here {
            steps.push(Box::new(m20261121_000001_better_auth::Migration));
        }
        steps.push(Box::new(m20261121_000002_tasks::Migration(self.0)));
        steps
    }

    async fn get_pending_migrations<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Migration>, DbErr> {
        let applied = applied(db).await?;
        Ok(self
            .get_migration_files()
            .into_iter()
            .filter(|step| !applied.iter().any(|name| name == step.name()))
            .collect())
    }

    async fn get_applied_migrations<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Migration>, DbErr> {
        let applied = applied(db).await?;
        Ok(self
            .get_migration_files()
            .into_iter()
            .filter(|step| applied.iter().any(|name| name == step.name()))
            .collect())
    }
}

async fn check_pending(db: &DatabaseConnection, users: Users, steps: &[Step]) -> Result<(), DbErr> {
    let is_pending = |name: &str| steps.iter().any(|step| step.name == name && !step.applied);
    if is_pending(better_auth::STEP) {
        better_auth::check_all(db).await?;
    }
    if is_pending(tasks::STEP) {
        tasks::check_table(db, users).await?;
    } else {
        tasks::check_references(db, users).await?;
    }
    owners::check(db, users).await
}

async fn run_up(db: &DatabaseConnection, users: Users) -> Result<Report, DbErr> {
    let before = applied(db).await?;
    Steps(users).up(db, None).await?;
    owners::check(db, users).await?;
    let applied = Steps(users).names().into_iter().filter(|name| !before.contains(name)).collect();
    let tasks_without_owner = tasks::count_without_owner(db).await?;
    Ok(Report { applied, tasks_without_owner })
}

async fn run_down(db: &DatabaseConnection, users: Users, steps: u32) -> Result<Vec<String>, DbErr> {
    let before = applied(db).await?;
    let known = Steps(Users::Here).names();
    if let Some(newer) = before.iter().find(|name| !known.contains(name)) {
        let line = format!("step \"{newer}\": a newer Taskbridge has applied it; undo it with that one first");
        return Err(DbErr::Migration(line));
    }
    Steps(users).down(db, Some(steps)).await?;
    let after = applied(db).await?;
    Ok(before.into_iter().rev().filter(|name| !after.contains(name)).collect())
}

/// The names of the steps that have been applied.
pub(crate) async fn applied<C: ConnectionTrait>(db: &C) -> Result<Vec<String>, DbErr> {
    if schema::table(db, "seaql_migrations").await?.is_none() {
        return Ok(Vec::new());
    }
    let select = r#"select "version" from "seaql_migrations" order by "version""#;
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}
