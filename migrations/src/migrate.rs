//! Applies and reverts migrations.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use taskbridge_schema::{Notice, SchemaMap};

use crate::adopt::better_auth;
use crate::adopt::tasks::{self, UnknownOwners};
use crate::error::{MigrateError, accept};
use crate::migration::{Execution, Migration};
use crate::migrations::Migrations;
use crate::transaction::Transaction;
use crate::users::Users;
use crate::{ledger, privileges};

/// The result of [`Migrations::up`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The names of the migrations that this call applied, in order.
    pub applied: Vec<&'static str>,
    /// The changes of Better Auth's tables that this call made apart from migrations: they are adopted again at each
    /// start, because the app may have changed them.
    pub additions: Vec<String>,
    /// The names of Better Auth's tables and columns in the database.
    pub map: SchemaMap,
    /// What an operator should know about these tables.
    pub notices: Vec<Notice>,
    /// Number of tasks that have no owner. These tasks are kept but not shown until
    /// [`assign_tasks`](Migrations::assign_tasks) assigns them to a user.
    pub tasks_without_owner: u64,
    /// The tasks whose owner is not a user. They are counted only by the call that has created or adopted tables, because
    /// to count them, the whole table is read.
    pub unknown_owners: UnknownOwners,
}

/// The result of one transaction of [`Migrations::up`].
struct Progress {
    applied: Vec<&'static str>,
    additions: Vec<String>,
    map: SchemaMap,
    notices: Vec<Notice>,
    /// The next migration, if it must be executed outside of a transaction.
    next: Option<&'static dyn Migration>,
    tasks_without_owner: u64,
    /// `None` if the transaction has adopted no tables.
    unknown_owners: Option<UnknownOwners>,
}

impl Migrations {
    /// Applies all pending migrations. Any number of processes may call it at the same time.
    ///
    /// Migrations are applied in one transaction. Only on PostgreSQL, one that would block other sessions for long is
    /// executed outside of a transaction, after those before it have been committed. Meanwhile, a transaction on a
    /// second connection to the same database, which `connect` opens, keeps other processes from doing the same.
    ///
    /// # Errors
    /// [`MigrateError::NotAdoptable`] if Better Auth's tables or the table `tasks` cannot be adopted;
    /// [`MigrateError::Refused`] if the role lacks privileges; the errors of `connect`.
    pub async fn up<E: From<MigrateError>, C: Future<Output = Result<DatabaseConnection, E>>>(
        &self,
        db: &DatabaseConnection,
        connect: impl Fn() -> C,
    ) -> Result<MigrationReport, E> {
        let (mut applied, mut additions) = (Vec::new(), Vec::new());
        let mut unknown_owners = UnknownOwners::default();
        loop {
            let transaction = Transaction::begin_exclusive(db).await.map_err(MigrateError::from)?;
            let progress = self.up_in_transaction(transaction.connection()).await;
            let Progress { map, notices, next, tasks_without_owner, .. } = {
                let mut progress = transaction.end(progress).await?;
                applied.append(&mut progress.applied);
                additions.append(&mut progress.additions);
                unknown_owners = progress.unknown_owners.take().unwrap_or(unknown_owners);
                progress
            };
            let Some(migration) = next else {
                return Ok(MigrationReport { applied, additions, map, notices, tasks_without_owner, unknown_owners });
            };
            let second = connect().await?;
            let transaction = Transaction::begin_build(&second).await.map_err(MigrateError::from)?;
            let is_applied = self.up_outside_transaction(db, migration).await;
            transaction.release().await;
            applied.extend(is_applied.map_err(MigrateError::from)?.then(|| migration.name()));
        }
    }

    /// Applies pending migrations in the transaction of the caller. One that must be executed outside of a transaction
    /// and those after it remain pending.
    pub(crate) async fn apply_in_transaction(&self, db: &DatabaseConnection) -> Result<(), MigrateError> {
        self.up_in_transaction(db).await.map(drop)
    }

    /// Applies pending migrations until one must be executed outside of a transaction.
    async fn up_in_transaction(&self, db: &DatabaseConnection) -> Result<Progress, MigrateError> {
        let pending = self.pending(db).await?;
        let plan = self.context.plan(db).await?;
        privileges::check(db, self, &pending, &plan, true).await?;
        accept(self.refusals(db, &pending, &plan).await?)?;
        let mut applied = Vec::new();
        let mut next = None;
        let mut has_adopted = false;
        for migration in pending {
            if migration.execution(db).await? == Execution::OutsideTransaction {
                next = Some(migration);
                break;
            }
            migration.up(db, &self.context, Execution::InTransaction).await?;
            if ledger::record(db, migration.name()).await? {
                applied.push(migration.name());
                has_adopted |= !migration.tables().is_empty();
            }
        }
        // The migrations have changed the tables. An app that has been changed later may need additions again.
        let plan = better_auth::adoptable_plan(db, &self.context).await?;
        let additions = better_auth::add(db, &plan).await?;
        accept(self.applied_refusals(db, &plan).await?)?;
        self.require_tables(db).await?;
        let tasks_without_owner = if next.is_none() { tasks::count_without_owner(db).await? } else { 0 };
        let unknown_owners =
            if has_adopted { Some(tasks::unknown_owners(db, &plan, &self.context).await?) } else { None };
        let (map, notices) = (plan.map, plan.notices);
        Ok(Progress { applied, additions, map, notices, next, tasks_without_owner, unknown_owners })
    }

    /// Applies a migration outside of a transaction. Returns `false` if another process has applied it.
    async fn up_outside_transaction(&self, db: &DatabaseConnection, migration: &dyn Migration) -> Result<bool, DbErr> {
        if ledger::contains(db, migration.name()).await? {
            return Ok(false);
        }
        migration.up(db, &self.context, Execution::OutsideTransaction).await?;
        ledger::record(db, migration.name()).await
    }

    /// Reverts the last `count` migrations and returns their names, newest first. Better Auth's tables are never
    /// dropped.
    ///
    /// # Errors
    /// [`MigrateError::Refused`] if the table `tasks` contains tasks or was not created by Taskbridge, or if a newer
    /// version of Taskbridge has applied a migration, or another process is migrating the database.
    /// [`MigrateError::Database`] on PostgreSQL if a table is locked for more than five seconds.
    pub async fn down(&self, db: &DatabaseConnection, count: u32) -> Result<Vec<&'static str>, MigrateError> {
        let transaction = Transaction::begin_exclusive(db).await?;
        let reverted = self.down_in_transaction(&transaction, count).await;
        transaction.end(reverted).await
    }

    async fn down_in_transaction(&self, transaction: &Transaction<'_>, count: u32) -> Result<Vec<&'static str>, DbErr> {
        let db = transaction.connection();
        if !transaction.excludes_builds().await? {
            let line = "another process is migrating the database; revert migrations after it has ended";
            return Err(DbErr::Migration(line.to_owned()));
        }
        if db.get_database_backend() == DbBackend::Postgres {
            // The statements lock tables, and other sessions would wait behind them while an older transaction is open.
            db.execute_unprepared("set local lock_timeout = '5s'").await?;
        }
        let applied = self.applied(db).await?;
        let mut known = Self::of(Users::Here).up_to(self.names().last().unwrap_or(&"")).names();
        known.extend(self.names());
        if let Some(newer) = applied.iter().find(|name| !known.contains(&name.as_str())) {
            let line = format!(
                "the migration \"{newer}\" was applied by a newer version of Taskbridge; revert it with that version first"
            );
            return Err(DbErr::Migration(line));
        }
        let is_applied = |migration: &&&dyn Migration| applied.iter().any(|name| name == migration.name());
        let mut reverted = Vec::new();
        for migration in self.list.iter().rev().filter(is_applied).take(usize::try_from(count).unwrap_or(usize::MAX)) {
            migration.down(db).await?;
            ledger::erase(db, migration.name()).await?;
            reverted.push(migration.name());
        }
        Ok(reverted)
    }
}
