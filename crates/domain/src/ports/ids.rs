//! The generator of random ids.

use crate::random_id::RandomId;

/// Generates session tokens, and the ids of rows whose ids are random text.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
pub trait IdGenerator: Send + Sync {
    /// Generates an id. Must use a cryptographically secure random number generator.
    fn generate(&self) -> RandomId;
}
