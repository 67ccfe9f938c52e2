//! The migrations. Databases record the names of applied migrations, which are the names of these files. Never rename
//! a file.

pub(crate) mod m20261121_000001_better_auth;
pub(crate) mod m20261121_000002_tasks;
