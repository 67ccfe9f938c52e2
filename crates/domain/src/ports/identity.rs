//! The store of users and accounts.

use async_trait::async_trait;
use thiserror::Error;

use super::StoreError;
use crate::password::PasswordHash;
use crate::session::Session;
use crate::time::Timestamp;
use crate::user::{Email, User, UserId};

/// Everything that signing up writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The new user.
    pub user: User,
    /// The id of the row that holds the password.
    pub account_id: String,
    /// The password, hashed.
    pub password: PasswordHash,
    /// The first session; its `user_id` is the user's.
    pub session: Session,
}

/// Why nobody was registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// Somebody has this address already.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user and what is known of their password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Who this is.
    pub user: User,
    /// The stored password; `None` for a user who signs in some other way.
    pub password: Option<PasswordHash>,
}

/// Keeps users and their accounts, in Better Auth's tables.
///
/// These methods run before anybody is known, so they take no [`Owner`](crate::Owner); nothing here reaches tasks.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdentityRepo: Send + Sync {
    /// Writes user, credential account and session together or not at all. Of several registrations with one
    /// address, also at the same time, exactly one MUST succeed.
    async fn register(&self, registration: &Registration) -> Result<(), RegisterError>;

    /// The user with this address, and the password of the `credential` account that belongs to them.
    async fn credential(&self, email: &Email) -> Result<Option<Credential>, StoreError>;

    /// Stores another hash for this user, if it is still `old` that is stored; tells whether it was.
    async fn replace_password(
        &self,
        user: &UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
}
