//! What holds for whatever is put in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod database_url;
mod jwt;
mod tasks;

use proptest::prelude::ProptestConfig;

/// A failure prints the smallest input that shows it: that becomes a test of its own, not a file of seeds.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
