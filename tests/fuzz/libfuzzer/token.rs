//! Runs `token::check` with libFuzzer.
#![no_main]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

#[path = "../token.rs"]
mod token;

libfuzzer_sys::fuzz_target!(|data: &[u8]| token::check(data));
