//! The generator of random ids.

use crate::random_id::RandomId;

/// Generates the ids of users, accounts and sessions, and the session tokens.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// Generates an id. Must use a cryptographically secure random number generator.
    fn generate(&self) -> RandomId;
}
