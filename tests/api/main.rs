//! End-to-end tests of the HTTP API, against the real binary. They are one program, so that slow tests run next to
//! others.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod attacks;
mod bodies;
mod command_line;
mod commands;
mod config;
mod connections;
mod cors;
mod docs;
mod doctor;
mod everything;
mod explain;
mod forwarded;
mod health_command;
mod lifecycle;
mod limits;
mod logs;
mod metrics;
mod native_clients;
mod one_user;
mod plan;
mod refusals;
mod request_ids;
mod row_ids;
mod site;
mod sqlite;
mod stopping;
mod storage;
