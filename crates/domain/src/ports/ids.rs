//! Random ids.

use crate::random_id::RandomId;

/// Makes the ids of users, accounts and sessions, and the tokens of sessions.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// An id that MUST be drawn by a cryptographically secure generator.
    fn generate(&self) -> RandomId;
}
