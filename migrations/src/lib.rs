//! The schema of Taskbridge, step by step, through sea-orm's migrator.
//!
//! Better Auth's tables are exactly those its own migrator makes: the same names, types and order, so that a
//! Better Auth started on the database finds what it expects. Whatever is added to them later must be nullable.
//!
//! # To add a step
//!
//! 1. A file `mYYYYMMDD_name.rs` with a struct that implements [`MigrationTrait`]; never change one that has shipped.
//! 2. Its line in [`Migrator`]. Make steps expand first and contract a release later: replicas of two versions
//!    run side by side during a deployment.

use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m20261121_000001_better_auth;
mod m20261121_000002_tasks;

pub use sea_orm_migration;

/// All steps in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m20261121_000001_better_auth::Migration), Box::new(m20261121_000002_tasks::Migration)]
    }
}
