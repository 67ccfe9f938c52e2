//! Databases of earlier releases, recorded by `scripts/dump-databases.py` in `tests/vectors/databases`: this release
//! migrates them, loses nothing, and serves what the earlier release served.
//!
//! The tests find the releases in that folder. To cover another one, add its folder.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod bridge;
mod recording;
mod server;
mod tasks;
