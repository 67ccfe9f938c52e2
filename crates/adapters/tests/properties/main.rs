//! Properties that hold for any input.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod database_url;
mod jwt;
mod tasks;

use proptest::prelude::ProptestConfig;

/// Writes no file of failures: the smallest failing input, which proptest prints, should become a test.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
