//! Tests that depend on the database: `make test` runs them on SQLite, on PostgreSQL, and through pgbouncer.
//!
//! A test belongs here if a different database could change its result: because it reads back what it wrote, relies on
//! a constraint, comparison or sort order of the database, or writes concurrently. The other tests of this program run
//! on SQLite only. They fail or succeed before a statement is sent (parsing, CORS, tokens, settings, commands), or send
//! only statements that a test here sends, too. In addition, `crates/adapters/tests/contract` tests each repository on
//! each database.

mod crash;
mod keys;
mod lists;
mod logs;
mod owners;
mod rate_limits;
mod sessions;
mod sign_up;
mod tasks;
mod transcript;
mod user_admin;
mod users;
