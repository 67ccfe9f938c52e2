//! The list of migrations for a database.

use sea_orm_migration::sea_orm::DatabaseConnection;

use crate::context::Context;
use crate::error::MigrateError;
use crate::migration::Migration;
use crate::steps;
use crate::transaction::Transaction;
use crate::users::Users;
use taskbridge_schema::{Overrides, Plan};

/// The migrations of a database, in order.
#[derive(Clone)]
pub struct Migrations {
    pub(crate) context: Context,
    pub(crate) list: Vec<&'static dyn Migration>,
}

/// The status of a migration in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The name of the migration.
    pub name: &'static str,
    /// `true` if the migration has been applied to the database.
    pub applied: bool,
}

impl Migrations {
    /// Returns all migrations of a database with these users.
    #[must_use]
    pub fn of(users: Users) -> Self {
        let context = Context { users, overrides: Overrides::default(), owned_tables: Vec::new() };
        Self { context, list: Vec::new() }.with(steps::ALL)
    }

    /// Returns these migrations and, after them, those of further resources.
    #[must_use]
    pub fn with(mut self, further: &[&'static dyn Migration]) -> Self {
        let users = self.context.users;
        for migration in further.iter().filter(|migration| migration.is_for(users)) {
            self.list.push(*migration);
            self.context.owned_tables.extend(migration.owned_tables());
        }
        self
    }

    /// Returns the same migrations for a database in which Better Auth's tables and columns have these names.
    #[must_use]
    pub fn with_overrides(self, overrides: Overrides) -> Self {
        Self { context: Context { overrides, ..self.context }, ..self }
    }

    /// Returns the migrations up to and including the one with this name, which are those of an older version of
    /// Taskbridge.
    #[must_use]
    pub fn up_to(self, last: &str) -> Self {
        // Names begin with a date and a number, so that they sort in the order of the migrations.
        Self { list: self.list.into_iter().filter(|migration| migration.name() <= last).collect(), ..self }
    }

    /// Returns the names of the migrations.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.list.iter().map(|migration| migration.name()).collect()
    }

    /// Returns what each migration does, in one line.
    #[must_use]
    pub fn summaries(&self) -> Vec<&'static str> {
        self.list.iter().map(|migration| migration.summary()).collect()
    }

    /// Returns the tables that the migrations create in an empty database.
    #[must_use]
    pub fn tables(&self) -> Vec<&'static str> {
        self.list.iter().flat_map(|migration| migration.tables()).collect()
    }

    /// Returns which of Better Auth's tables the database has, and what Taskbridge needs before it can use them. Changes
    /// nothing, and requires no privileges on the tables.
    ///
    /// # Errors
    /// [`MigrateError::Database`] if the database fails. Refusals are part of the plan.
    pub async fn plan(&self, db: &DatabaseConnection) -> Result<Plan, MigrateError> {
        let transaction = Transaction::begin_read_only(db).await?;
        let plan = self.context.plan(transaction.connection()).await;
        transaction.end(plan).await
    }

    /// Returns the status of all migrations. Changes nothing.
    ///
    /// # Errors
    /// [`MigrateError`] if the database fails, or the role may not read the table of applied migrations.
    pub async fn status(&self, db: &DatabaseConnection) -> Result<Vec<MigrationStatus>, MigrateError> {
        let transaction = Transaction::begin_read_only(db).await?;
        let applied = self.applied(transaction.connection()).await;
        let applied = transaction.end(applied).await?;
        let status = |migration: &&dyn Migration| MigrationStatus {
            name: migration.name(),
            applied: applied.iter().any(|name| name == migration.name()),
        };
        Ok(self.list.iter().map(status).collect())
    }
}
