//! A real Better Auth and Taskbridge on one database, with one secret: changes by one are visible to the other.
//!
//! Each test runs on SQLite and on PostgreSQL, and in both directions.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod accounts;
mod compatibility;
mod cookies;
mod emails;
mod keys;
mod limits;
mod moving;
mod operators;
mod passwords;
mod recorded;
mod restrictions;
mod sessions;
mod tables;
mod tasks;
