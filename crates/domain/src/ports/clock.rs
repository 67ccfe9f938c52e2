//! The time.

use crate::time::Timestamp;

/// Tells the time; the only way the domain learns of it.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait Clock: Send + Sync {
    /// The moment of the call.
    fn now(&self) -> Timestamp;
}
