//! The steps, and how they are run.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement};
use sea_orm_migration::{Migration, MigrationTrait, MigratorTraitSelf};

use crate::error::MigrateError;
use crate::session::Session;
use crate::{better_auth, m20261121_000001_better_auth, m20261121_000002_tasks, owners, privileges, schema, tasks};

/// The location of the users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// In this database (server mode): Better Auth's tables are made or adopted.
    Here,
    /// Somebody else's concern (bridge mode): Better Auth's tables are not touched, and may be missing.
    Elsewhere,
}

/// The result of [`up`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The names of the steps that were applied, in order.
    pub applied: Vec<String>,
    /// How many tasks belong to nobody: kept, but never shown. [`assign_tasks`](crate::assign_tasks) gives them away.
    pub tasks_without_owner: u64,
}

/// A migration, and its state in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// `true` if it has been applied to this database.
    pub applied: bool,
}

/// The state of a schema that [`up`] would not refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// All migrations in order.
    pub steps: Vec<Step>,
    /// The tables that `up` would create.
    pub missing_tables: Vec<&'static str>,
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
    let applied = applied(session.connection(), users).await;
    session.end(applied.map(|applied| Steps(users).with_state(&applied))).await
}

/// Checks that [`up`] would not refuse the database. Changes and locks nothing.
///
/// `will_migrate` is `false` if another role applies the migrations: the privileges for that are not required then.
///
/// # Errors
/// [`MigrateError::Refused`] when `up` would refuse a table that is there, or the role may not do what is needed.
pub async fn check(db: &DatabaseConnection, users: Users, will_migrate: bool) -> Result<Readiness, MigrateError> {
    let steps = status(db, users).await?;
    let session = Session::begin(db).await?;
    let checked = check_pending(session.connection(), users, &steps, will_migrate).await;
    let missing_tables = session.end(checked).await?;
    Ok(Readiness { steps, missing_tables })
}

/// Returns the tables that [`up`] creates in an empty database.
#[must_use]
pub fn tables(users: Users) -> Vec<&'static str> {
    let of_better_auth = if users == Users::Here { better_auth::tables() } else { Vec::new() };
    of_better_auth.into_iter().chain(["tasks"]).collect()
}

/// The steps for a database with these users.
struct Steps(Users);

impl Steps {
    fn names(&self) -> Vec<String> {
        self.migrations().iter().map(|step| step.name().to_owned()).collect()
    }

    fn with_state(&self, applied: &[String]) -> Vec<Step> {
        self.names().into_iter().map(|name| Step { applied: applied.contains(&name), name }).collect()
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
        let applied = applied(db, self.0).await?;
        Ok(self
            .get_migration_files()
            .into_iter()
            .filter(|step| !applied.iter().any(|name| name == step.name()))
            .collect())
    }

    async fn get_applied_migrations<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Migration>, DbErr> {
        let applied = applied(db, self.0).await?;
        Ok(self
            .get_migration_files()
            .into_iter()
            .filter(|step| applied.iter().any(|name| name == step.name()))
            .collect())
    }
}

/// Returns the tables that are missing.
async fn check_pending(
    db: &DatabaseConnection,
    users: Users,
    steps: &[Step],
    will_migrate: bool,
) -> Result<Vec<&'static str>, DbErr> {
    privileges::check(db, users, if will_migrate { steps } else { &[] }).await?;
    let is_pending = |name: &str| steps.iter().any(|step| step.name == name && !step.applied);
    let mut missing = Vec::new();
    if is_pending(better_auth::STEP) {
        missing.extend(better_auth::check_all(db).await?);
    }
    if is_pending(tasks::STEP) {
        missing.extend((!tasks::check_table(db, users).await?).then_some("tasks"));
    } else {
        tasks::check_references(db, users).await?;
    }
    owners::check(db, users).await?;
    Ok(missing)
}

async fn run_up(db: &DatabaseConnection, users: Users) -> Result<Report, DbErr> {
    let steps = Steps(users).with_state(&applied(db, users).await?);
    privileges::check(db, users, &steps).await?;
    let pending: Vec<_> = steps.into_iter().filter(|step| !step.applied).map(|step| step.name).collect();
    // The migrator would create its ledger even if it has nothing to do, which the role of a server may not be allowed to.
    if !pending.is_empty() {
        Steps(users).up(db, None).await?;
    }
    owners::check(db, users).await?;
    let tasks_without_owner = tasks::count_without_owner(db).await?;
    Ok(Report { applied: pending, tasks_without_owner })
}

async fn run_down(db: &DatabaseConnection, users: Users, steps: u32) -> Result<Vec<String>, DbErr> {
    let before = applied(db, users).await?;
    let known = Steps(Users::Here).names();
    if let Some(newer) = before.iter().find(|name| !known.contains(name)) {
        let line = format!("step \"{newer}\": a newer Taskbridge has applied it; undo it with that one first");
        return Err(DbErr::Migration(line));
    }
    Steps(users).down(db, Some(steps)).await?;
    let after = applied(db, users).await?;
    Ok(before.into_iter().rev().filter(|name| !after.contains(name)).collect())
}

/// The names of the steps that have been applied.
pub(crate) async fn applied<C: ConnectionTrait>(db: &C, users: Users) -> Result<Vec<String>, DbErr> {
    if schema::table(db, "seaql_migrations").await?.is_none() {
        return Ok(Vec::new());
    }
    if !privileges::may_read_ledger(db).await? {
        // Fails with all missing privileges, instead of the server's error for this one.
        privileges::check(db, users, &[]).await?;
    }
    let select = r#"select "version" from "seaql_migrations" order by "version""#;
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}
