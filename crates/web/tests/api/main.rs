//! Tests of the HTTP layer with mocked ports.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod auth;
mod client_networks;
mod compatibility;
mod health;
mod lists;
mod openapi;
mod origins;
mod properties;
mod rate_limits;
mod refusals;
mod request_limits;
mod routes_are_guarded;
mod sessions;
mod support;
mod tasks;
mod users;
