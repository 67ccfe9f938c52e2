//! Password hashing.

use async_trait::async_trait;
use thiserror::Error;

use crate::Cause;
use crate::client_network::ClientNetwork;
use crate::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

/// Errors from hashing or verifying a password.
#[derive(Debug, Error)]
pub enum HashError {
    /// Too many passwords are waiting to be hashed or verified. The caller should retry after about a second.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The hasher failed to hash or verify the password.
    #[error("hashing failed")]
    Failed(#[source] Cause),
}

/// Hashes and verifies passwords.
///
/// Hashing and verifying are slow by design. Implementations must not run them on the threads that serve requests, and
/// must limit the number of passwords that wait. Passwords from one client network must not keep those from another
/// waiting for long, or cause them to be refused, however many there are.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Returns the algorithm of new hashes.
    fn algorithm(&self) -> HashAlgorithm;

    /// Returns `true` if `stored` has the algorithm and the cost of new hashes.
    fn is_current(&self, stored: &PasswordHash) -> bool;

    /// Hashes a password, which a client in the network `client` has sent, with a new salt.
    async fn hash(&self, client: ClientNetwork, password: NewPassword) -> Result<PasswordHash, HashError>;

    /// Returns `true` if `stored` is a hash of `password`, which a client in the network `client` has sent.
    ///
    /// Must return `false` if `stored` is `None`, if it is not a valid hash, or if its algorithm does not support the
    /// password. In these cases, it must do the same work as for a wrong password, because the response time must not
    /// reveal who has an account.
    async fn verify(
        &self,
        client: ClientNetwork,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<bool, HashError>;
}
