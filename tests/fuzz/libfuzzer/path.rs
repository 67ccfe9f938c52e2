//! Runs `path::check` with libFuzzer.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../api.rs"]
mod api;
#[path = "../path.rs"]
mod path;

libfuzzer_sys::fuzz_target!(|data: &[u8]| path::check(data));
