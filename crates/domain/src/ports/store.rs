//! What all stores have in common.

use async_trait::async_trait;
use thiserror::Error;

use crate::Cause;

/// Why a store did not answer. "Not there" is no error: it is `None` or `false`.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached or is overloaded; later it may work.
    #[error("store unavailable")]
    Unavailable(#[source] Cause),
    /// A write was sent to the store and has no answer: it may have taken effect or not.
    #[error("the outcome of a write is unknown")]
    OutcomeUnknown(#[source] Cause),
    /// The store holds something that the model cannot.
    #[error("stored data is inconsistent")]
    Corrupt(#[source] Cause),
}

/// Tells whether the store answers.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StoreProbe: Send + Sync {
    /// Checks that the store answers and accepts writes.
    async fn probe(&self) -> Result<(), StoreError>;
}
