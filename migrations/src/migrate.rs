//! Applies, reverts, lists and checks migrations.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use sea_orm_migration::{Migration, MigrationTrait, MigratorTraitSelf};

use crate::adopt::{better_auth, tasks};
use crate::error::MigrateError;
use crate::ledger::applied;
use crate::status::{BETTER_AUTH, MigrationStatus, TASKS, is_pending};
use crate::steps::{m20261121_000001_better_auth, m20261121_000002_tasks};
use crate::transaction::Transaction;
use crate::users::Users;
use crate::{id_collation, privileges};

/// The result of [`up`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The names of the migrations that this call applied, in order.
    pub applied: Vec<String>,
    /// Number of tasks that have no owner. These tasks are kept but not shown until
    /// [`assign_tasks`](crate::assign_tasks) assigns them to a user.
    pub tasks_without_owner: u64,
}

/// The result of [`check`] for a database that [`up`] would accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// All migrations, in order, and whether each has been applied.
    pub migrations: Vec<MigrationStatus>,
    /// The tables that `up` would create.
    pub missing_tables: Vec<&'static str>,
}

impl Readiness {
    /// Returns the names of the migrations that have not been applied, in order.
    #[must_use]
    pub fn pending(&self) -> Vec<&str> {
        let pending = self.migrations.iter().filter(|migration| !migration.applied);
        pending.map(|migration| migration.name.as_str()).collect()
    }
}

/// Applies all pending migrations. Any number of processes may call it at the same time.
///
/// # Errors
/// [`MigrateError::Refused`] if an existing table cannot be adopted or the role lacks privileges.
pub async fn up(db: &DatabaseConnection, users: Users) -> Result<MigrationReport, MigrateError> {
    let transaction = Transaction::begin_exclusive(db).await?;
    let report = run_up(transaction.connection(), users).await;
    transaction.end(report).await
}

/// Reverts the last `count` migrations and returns their names, newest first. Better Auth's tables are never dropped.
///
/// # Errors
/// [`MigrateError::Refused`] if the table `tasks` contains tasks or was not created by Taskbridge, or if a newer
/// version of Taskbridge has applied a migration.
pub async fn down(db: &DatabaseConnection, users: Users, count: u32) -> Result<Vec<String>, MigrateError> {
    let transaction = Transaction::begin_exclusive(db).await?;
    let reverted = run_down(transaction.connection(), users, count).await;
    transaction.end(reverted).await
}

/// Returns the status of all migrations, in order. Changes nothing.
///
/// # Errors
/// [`MigrateError`] if the database fails, or the role may not read the table of applied migrations.
pub async fn status(db: &DatabaseConnection, users: Users) -> Result<Vec<MigrationStatus>, MigrateError> {
    let transaction = Transaction::begin_read_only(db).await?;
    let applied = applied(transaction.connection(), users).await;
    transaction.end(applied.map(|applied| Migrator(users).status(&applied))).await
}

/// Checks that [`up`] would accept the database. Changes and locks nothing.
///
/// Set `will_migrate` to `false` if another role applies the migrations. The role that `db` connects as then does not
/// need the privileges to apply them.
///
/// # Errors
/// [`MigrateError::Refused`] if `up` would refuse an existing table, or the role lacks privileges.
pub async fn check(db: &DatabaseConnection, users: Users, will_migrate: bool) -> Result<Readiness, MigrateError> {
    let migrations = status(db, users).await?;
    let transaction = Transaction::begin_read_only(db).await?;
    let checked = check_pending(transaction.connection(), users, &migrations, will_migrate).await;
    let missing_tables = transaction.end(checked).await?;
    Ok(Readiness { migrations, missing_tables })
}

/// Returns the tables that [`up`] creates in an empty database.
#[must_use]
pub fn tables(users: Users) -> Vec<&'static str> {
    let of_better_auth = if users == Users::Here { better_auth::tables() } else { Vec::new() };
    of_better_auth.into_iter().chain(["tasks"]).collect()
}

/// The migrations of Taskbridge, in the form that sea-orm's migrator expects. The value tells where the users are,
/// because the migration of Better Auth's tables is included only if the users are in this database.
struct Migrator(Users);

impl Migrator {
    fn names(&self) -> Vec<String> {
        self.migrations().iter().map(|migration| migration.name().to_owned()).collect()
    }

    fn status(&self, applied: &[String]) -> Vec<MigrationStatus> {
        self.names().into_iter().map(|name| MigrationStatus { applied: applied.contains(&name), name }).collect()
    }

    /// Returns the applied migrations or, if `is_applied` is `false`, the pending ones.
    async fn select(&self, db: &impl ConnectionTrait, is_applied: bool) -> Result<Vec<Migration>, DbErr> {
        let applied = applied(db, self.0).await?;
        let is_wanted = |migration: &Migration| applied.iter().any(|name| name == migration.name()) == is_applied;
        Ok(self.get_migration_files().into_iter().filter(is_wanted).collect())
    }
}

/// Unlike sea-orm's default methods, these ignore applied migrations that this version of Taskbridge does not know,
/// because a newer version may have applied them.
#[async_trait::async_trait]
impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations: Vec<Box<dyn MigrationTrait>> = Vec::new();
        if self.0 == Users::Here {
            migrations.push(Box::new(m20261121_000001_better_auth::Migration));
        }
        migrations.push(Box::new(m20261121_000002_tasks::Migration(self.0)));
        migrations
    }

    async fn get_pending_migrations<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Migration>, DbErr> {
        self.select(db, false).await
    }

    async fn get_applied_migrations<C: ConnectionTrait>(&self, db: &C) -> Result<Vec<Migration>, DbErr> {
        self.select(db, true).await
    }
}

/// Checks that the pending migrations can be applied, and returns the tables that they would create.
async fn check_pending(
    db: &DatabaseConnection,
    users: Users,
    migrations: &[MigrationStatus],
    will_migrate: bool,
) -> Result<Vec<&'static str>, DbErr> {
    privileges::check(db, users, if will_migrate { migrations } else { &[] }).await?;
    let mut missing = Vec::new();
    if is_pending(migrations, BETTER_AUTH) {
        missing.extend(better_auth::check_all(db).await?);
    }
    if is_pending(migrations, TASKS) {
        missing.extend((!tasks::check_table(db, users).await?).then_some("tasks"));
    } else {
        tasks::check_references(db, users).await?;
    }
    id_collation::check(db, users).await?;
    Ok(missing)
}

async fn run_up(db: &DatabaseConnection, users: Users) -> Result<MigrationReport, DbErr> {
    let migrations = Migrator(users).status(&applied(db, users).await?);
    privileges::check(db, users, &migrations).await?;
    let pending: Vec<_> =
        migrations.into_iter().filter(|migration| !migration.applied).map(|migration| migration.name).collect();
    // If nothing is pending, sea-orm's `up` is not called: it would create the table of applied migrations anyway, and
    // the role may lack the privilege to create tables.
    if !pending.is_empty() {
        Migrator(users).up(db, None).await?;
    }
    id_collation::check(db, users).await?;
    let tasks_without_owner = tasks::count_without_owner(db).await?;
    Ok(MigrationReport { applied: pending, tasks_without_owner })
}

async fn run_down(db: &DatabaseConnection, users: Users, count: u32) -> Result<Vec<String>, DbErr> {
    let before = applied(db, users).await?;
    let known = Migrator(Users::Here).names();
    if let Some(newer) = before.iter().find(|name| !known.contains(name)) {
        let line = format!(
            "the migration \"{newer}\" was applied by a newer version of Taskbridge; revert it with that version first"
        );
        return Err(DbErr::Migration(line));
    }
    Migrator(users).down(db, Some(count)).await?;
    let after = applied(db, users).await?;
    Ok(before.into_iter().rev().filter(|name| !after.contains(name)).collect())
}
