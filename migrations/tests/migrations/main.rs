//! Migrations on SQLite and PostgreSQL: on empty databases, on those of Better Auth, and on those of other backends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod adopt_better_auth;
mod adopt_real;
mod adopt_tasks_postgres;
mod adopt_tasks_sqlite;
mod assign;
mod check;
mod databases;
mod down;
mod each;
mod fresh;
mod further;
mod import;
mod indices;
mod obstacles;
mod other_tables;
mod owners;
mod pooler;
mod readme;
mod snapshots;
mod together;
mod users_moved;
