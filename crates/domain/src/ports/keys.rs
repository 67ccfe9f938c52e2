//! The store of the keys of tokens, and who publishes them.

use async_trait::async_trait;
use thiserror::Error;

use super::StoreError;
use crate::Cause;
use crate::key::{PublicKey, StoredKey};
use crate::time::Timestamp;

/// Keeps the keys of tokens, in Better Auth's table.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait KeyRepo: Send + Sync {
    /// All keys, those that have expired among them, the oldest first.
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Adds a key, if there are no others than those with the ids in `known`; tells whether it did. Of several calls at
    /// once that know the same keys exactly one MUST add its key.
    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError>;

    /// Lets the keys with these ids expire at `end`, unless they do so before. Keys that are not there are no error.
    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError>;
}

/// Why no token can be signed now, or the keys not be told.
#[derive(Debug, Error)]
pub enum KeyError {
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no key that signs, and none can be made.
    #[error("no key can sign: {0}")]
    Failed(Cause),
}

/// Publishes the keys that verify the tokens of a [`TokenIssuer`](super::TokenIssuer).
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait KeyPublisher: Send + Sync {
    /// The public keys: that of any token that has been issued MUST be among them while the token lives, unless it was
    /// withdrawn. None where tokens are signed with a secret and there are no others.
    async fn published(&self) -> Result<Vec<PublicKey>, KeyError>;
}
