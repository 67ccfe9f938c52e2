//! A real Better Auth and the real binary on one database, with one secret: what one does, the other knows. (R1-R8, Q2)
//!
//! Each test runs on SQLite and on PostgreSQL, and each way round.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod accounts;
mod compatibility;
mod keys;
mod limits;
mod moving;
mod passwords;
mod recorded;
mod restrictions;
mod sessions;
mod tables;
mod tasks;
