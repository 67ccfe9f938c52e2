//! The migrations. A database records their names, which are those of the files: never rename one.

pub(crate) mod m20261121_000001_better_auth;
pub(crate) mod m20261121_000002_tasks;
