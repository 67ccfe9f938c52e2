//! The API, end to end through the real binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod lifecycle;
mod logs;
