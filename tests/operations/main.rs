//! Drills for operators: the commands of docs/operations.md, run by a shell while the real binary serves.
//! `make drills` installs the programs that they need, and runs all of them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod alerts;
mod commands;
mod databases;
mod leaks;
mod limits;
mod page;
mod postgres;
mod secrets;
mod sqlite;
mod writers;
