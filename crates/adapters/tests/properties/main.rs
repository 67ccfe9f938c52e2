//! Tests properties that hold for any input.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod database_url;
mod jwt;
mod tasks;

use proptest::prelude::ProptestConfig;

/// Returns a configuration that does not save failing inputs in a file. proptest prints the smallest failing input; to
/// keep it, write a test for it.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
