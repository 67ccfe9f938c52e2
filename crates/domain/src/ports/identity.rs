//! The store of users and accounts.

use async_trait::async_trait;
use thiserror::Error;

use super::StoreError;
use crate::sessions::Session;
use crate::time::Timestamp;
use crate::users::{Account, Email, PasswordHash, ProfileUpdate, User, UserId};

/// Everything that signing up writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The new user.
    pub user: User,
    /// The id of the row that holds the password.
    pub account_id: String,
    /// The password, hashed.
    pub password: PasswordHash,
    /// The first session; its `user_id` is the user's. `None` for a user who must verify their address first.
    pub session: Option<Session>,
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

/// Another password for somebody who has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordChange {
    /// Whose.
    pub user: UserId,
    /// What is stored so far.
    pub old: PasswordHash,
    /// What is to be stored.
    pub new: PasswordHash,
    /// When.
    pub at: Timestamp,
    /// The one session of the user that there is then; `None` leaves all as they are.
    pub only_session: Option<Session>,
}

/// Keeps users and their accounts, in Better Auth's tables.
///
/// Nobody is an [`Owner`](crate::Owner) here: tasks are reached by [`remove`](Self::remove) alone, which takes away all
/// that is a user's.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdentityRepo: Send + Sync {
    /// Writes user, credential account and session together or not at all. Of several registrations with one
    /// address, also at the same time, exactly one MUST succeed.
    async fn register(&self, registration: &Registration) -> Result<(), RegisterError>;

    /// The user with this address, and the password of the `credential` account that belongs to them.
    async fn find_credential(&self, email: &Email) -> Result<Option<Credential>, StoreError>;

    /// The password of the `credential` account that belongs to this user.
    async fn find_password(&self, user: &UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Makes the change, its sessions included, together or not at all, if it is still `old` that is stored; tells
    /// whether it was.
    async fn change_password(&self, change: &PasswordChange) -> Result<bool, StoreError>;

    /// The ways in which this user signs in, the oldest first, at most `limit`.
    async fn list_accounts(&self, user: &UserId, limit: u32) -> Result<Vec<Account>, StoreError>;

    /// Changes what `change` names, and when the user last changed. `false` when there is no such user.
    async fn update_profile(&self, user: &UserId, change: &ProfileUpdate, now: Timestamp) -> Result<bool, StoreError>;

    /// Removes the user and all that is theirs, sessions, accounts and tasks, together or not at all. Nobody is no
    /// error.
    async fn delete(&self, user: &UserId) -> Result<(), StoreError>;
}
