//! The migrations, in order.
//!
//! Databases record the names of applied migrations, which are the names of these files. Never rename a file.

mod m20261121_000001_better_auth;
pub(crate) mod m20261121_000002_tasks;
mod m20261130_000003_task_indices;

use crate::migration::Migration;

/// All migrations, in order.
pub(crate) const ALL: &[&dyn Migration] = &[
    &m20261121_000001_better_auth::BetterAuth,
    &m20261121_000002_tasks::Tasks,
    &m20261130_000003_task_indices::TaskIndices,
];
