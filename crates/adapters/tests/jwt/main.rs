//! Which tokens are accepted, and with which keys.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod claims;
mod fetching;
mod keys;
mod ring;
mod support;
mod tokens;
