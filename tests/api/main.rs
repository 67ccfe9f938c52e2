//! The API, end to end through the real binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod account_attacks;
mod bodies;
mod body_attacks;
mod commands;
mod config;
mod cors;
mod docs;
mod doctor;
mod everything;
mod explain;
mod forwarded;
mod http_attacks;
mod isolation_attacks;
mod keys;
mod lifecycle;
mod limits;
mod lists;
mod logs;
mod metrics;
mod native_clients;
mod request_ids;
mod session_attacks;
mod slow_clients;
mod sqlite;
mod token_attacks;
mod transcript;
mod transport_attacks;
mod user_attacks;
