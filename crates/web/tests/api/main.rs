//! The HTTP layer on mocked ports: no database, network, file or environment. The tree is that of the URLs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod auth;
mod compatibility;
mod health;
mod limits;
mod lists;
mod openapi;
mod origins;
mod properties;
mod request_limits;
mod routes_are_guarded;
mod sessions;
mod support;
mod tasks;
mod users;
