//! Timeouts of the checks.

use std::time::Duration;

/// Timeout of a request over a network.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of a check that sends several statements to the database.
pub(super) const DATABASE_TIMEOUT: Duration = Duration::from_secs(10);
