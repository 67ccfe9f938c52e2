//! The schema of Taskbridge on SQLite and PostgreSQL, step by step, through sea-orm's migrator.
//!
//! Better Auth's tables are exactly those its own migrator makes: the same names, types and order, so that a
//! Better Auth started on the database finds what it expects. Whatever is added to them later must be nullable.
//! Tables that are there already are adopted: checked first, and refused with one line if they cannot serve
//! ([`MigrateError::Refused`]); no row and no column is ever lost.
//!
//! Whatever is done is done in one transaction under a lock: several processes may start on an empty database at
//! once, and a refusal leaves everything as it was. It works through a pooler in transaction mode too.
//!
//! - `migrate` runs the steps, `session` is their transaction, `schema` tells what is in the database.
//! - `better_auth` and `tasks` know their tables; the steps themselves are thin.
//!
//! # To add a step
//!
//! 1. A file `mYYYYMMDD_name.rs` with a struct that implements `MigrationTrait`; never change what one that has shipped
//!    does. It refuses by an error of `error`.
//! 2. Its line in `migrate::Steps`. Make steps expand first and contract a release later: replicas of two versions
//!    run side by side during a deployment, and an older one starts on a newer schema.

mod assign;
mod better_auth;
mod error;
mod m20261121_000001_better_auth;
mod m20261121_000002_tasks;
mod migrate;
mod owners;
mod privileges;
mod schema;
mod session;
mod tasks;

pub use assign::assign_tasks;
pub use error::MigrateError;
pub use migrate::{Readiness, Report, Step, Users, check, down, status, tables, up};
