//! Password hashing.

use async_trait::async_trait;
use thiserror::Error;

use crate::Cause;
use crate::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

/// Why nothing was hashed.
#[derive(Debug, Error)]
pub enum HashError {
    /// Too many wait already; the caller should come back in a second or so.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The hasher is broken.
    #[error("hashing failed")]
    Failed(#[source] Cause),
}

/// Hashes passwords and compares them with hashes. Both take a large part of a second by intent, so an adapter
/// MUST do them off the threads that serve requests, and bound how many wait.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The form that [`hash`](Self::hash) gives.
    fn algorithm(&self) -> HashAlgorithm;

    /// Whether [`hash`](Self::hash) would give a hash of this form and strength.
    fn is_current(&self, stored: &PasswordHash) -> bool;

    /// What to store, in the form that this hasher gives; another one each time.
    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError>;

    /// Whether `password` is the one that `stored` was made of.
    ///
    /// MUST answer `false`, after the same work as for a wrong password, when there is no hash, when the stored
    /// text is no hash it knows, and for a password that could not have been set, whichever of the forms is
    /// stored: the time must not tell who has an account.
    async fn verify(&self, password: Password, stored: Option<PasswordHash>) -> Result<bool, HashError>;
}
