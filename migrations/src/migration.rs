//! The parts of a migration.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::{AuthTable, Refusal};

use crate::context::Context;
use crate::users::Users;

/// A migration: one change of the schema.
///
/// No method has a default, so that each migration states all of its parts. A migration must also work on a database
/// that already contains some or all of its changes, because a run can be interrupted and tables can be adopted.
#[async_trait::async_trait]
pub trait Migration: Sync {
    /// Returns the name that databases record when the migration has been applied. It never changes.
    fn name(&self) -> &'static str;

    /// Returns what the migration does, for the list of migrations: one line.
    fn summary(&self) -> &'static str;

    /// Returns `true` if the migration is part of the schema of a database with these users.
    fn is_for(&self, users: Users) -> bool;

    /// Returns the tables that the migration creates if they do not exist.
    fn tables(&self) -> Vec<&'static str>;

    /// Returns those of its tables whose rows belong to users, in the column `user_id`. The rows of a user are deleted with
    /// the user.
    fn owned_tables(&self) -> Vec<&'static str>;

    /// Returns the privileges on existing tables that `up` requires. Reads the catalogue only.
    async fn requirements(&self, db: &DatabaseConnection, context: &Context) -> Result<Vec<Requirement>, DbErr>;

    /// Returns all reasons for which `up` would refuse an existing table, whether or not earlier migrations have been
    /// applied. Changes nothing.
    ///
    /// # Errors
    /// A refusal that prevents the check itself, such as a view with the name of a table.
    async fn check(&self, db: &DatabaseConnection, context: &Context) -> Result<Vec<Refusal>, DbErr>;

    /// Returns how `up` must be executed on this database.
    async fn execution(&self, db: &DatabaseConnection) -> Result<Execution, DbErr>;

    /// Applies the migration.
    async fn up(&self, db: &DatabaseConnection, context: &Context, execution: Execution) -> Result<(), DbErr>;

    /// Reverts the migration, in a transaction. Does nothing if what `up` created must be kept.
    ///
    /// # Errors
    /// A refusal if data would be lost.
    async fn down(&self, db: &DatabaseConnection) -> Result<(), DbErr>;
}

/// A privilege that a migration requires on an existing table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// The role must own the table, because the migration alters it.
    Ownership(Table),
    /// The role must have the privilege `references` on the table, because the migration adds a foreign key to it.
    References(Table),
}

/// A table on which a migration requires privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// A table of Taskbridge, in the current schema.
    Ours(&'static str),
    /// A table of Better Auth, under the name that it has in the database.
    BetterAuth(AuthTable),
}

/// How a migration is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Execution {
    /// In one transaction with the migrations before and after it.
    InTransaction,
    /// Outside of a transaction, in one process at a time. Only on PostgreSQL.
    OutsideTransaction,
}
