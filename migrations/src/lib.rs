//! The schema of Taskbridge on SQLite and PostgreSQL, and its migrations.
//!
//! Better Auth's tables are exactly those that its own migrator creates, with the same names, types and order, so that
//! a Better Auth server on the same database finds what it expects. A migration that adds a column to them must make
//! it nullable. Existing tables are adopted: they are checked first, and a table that cannot be used is refused with an
//! error of one line ([`MigrateError::Refused`]). No row and no column is ever lost.
//!
//! All migrations run in one transaction under a lock. Several processes can therefore start on an empty database at
//! the same time, and an error leaves the database unchanged. Migrations also work through a pooler in transaction
//! mode.
//!
//! - `migrate` runs the migrations in `steps`. `transaction` is the transaction in which they run. `ledger` reads which
//!   migrations have been applied.
//! - `adopt` creates or adopts the tables; `catalog` reads which tables exist.
//! - `privileges` and `id_collation` check the role and the tables at each start.
//!
//! # Adding a migration
//!
//! 1. Add `steps/mYYYYMMDD_NNNNNN_name.rs` with a struct that implements `MigrationTrait`, and add the name of the
//!    migration to `status`. If the migration cannot handle a table, it must refuse it with an error that a
//!    function in `error` creates. Never change a migration that has been released.
//! 2. Add the migration to `Migrator::migrations`.
//! 3. Add new columns in one release, and remove the columns that they replace in a later one. During a deployment,
//!    replicas of two versions run side by side, and a replica of the older version may start on the newer schema.

mod adopt;
mod assign;
mod catalog;
mod error;
mod id_collation;
mod ledger;
mod migrate;
mod privileges;
mod status;
mod steps;
mod transaction;
mod users;

pub use assign::assign_tasks;
pub use error::MigrateError;
pub use migrate::{MigrationReport, Readiness, check, down, status, tables, up};
pub use status::MigrationStatus;
pub use users::Users;
