//! Runs `body::check` with libFuzzer.
#![no_main]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../api.rs"]
mod api;
#[path = "../body.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::check(data));
