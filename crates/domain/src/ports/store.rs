//! Errors of the store, and a check that it is available.

use async_trait::async_trait;
use thiserror::Error;

use crate::Cause;

/// Errors from the store. A value that does not exist is not an error: methods return `None` or `false` for it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached or is overloaded. A retry may succeed.
    #[error("store unavailable")]
    Unavailable(#[source] Cause),
    /// The statement was not sent to the store, because too many statements with the same limit were waiting. A retry may
    /// succeed.
    #[error("too many statements at the same time")]
    Busy,
    /// A write was sent to the store and got no response: it may or may not have taken effect.
    #[error("the outcome of a write is unknown")]
    OutcomeUnknown(#[source] Cause),
    /// The store contains a value that the model does not allow.
    #[error("stored data is inconsistent")]
    Corrupt(#[source] Cause),
}

/// Checks whether the store is available.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait StoreProbe: Send + Sync {
    /// Runs a cheap query to check that the store responds and accepts writes.
    async fn probe(&self) -> Result<(), StoreError>;
}
