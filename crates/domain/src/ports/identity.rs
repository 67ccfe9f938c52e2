//! The store of users and their accounts.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::sessions::Session;
use crate::time::Timestamp;
use crate::users::{Account, Email, PasswordHash, ProfileUpdate, User, UserId};

/// The ids of the rows that a sign-up creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationIds {
    /// The id of the user.
    pub user: UserId,
    /// The id of the `credential` account.
    pub account: String,
    /// The id of the first session.
    pub session: String,
}

/// The data that a sign-up stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The new user.
    pub user: User,
    /// The id of the `credential` account, which holds the password.
    pub account_id: String,
    /// The hash of the password.
    pub password: PasswordHash,
    /// The first session of the user; `None` for a user who must verify their email address first.
    pub session: Option<Session>,
}

/// Errors from registering a user.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// Another user has this email address.
    #[error("another user has this email address")]
    EmailTaken,
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user and their stored password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user.
    pub user: User,
    /// The stored hash; `None` for a user who signs in without a password.
    pub password: Option<PasswordHash>,
}

/// A password change, for a user who already has a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordChange {
    /// The id of the user.
    pub user: UserId,
    /// The hash that is expected to be stored. If another hash is stored, nothing is changed.
    pub old: PasswordHash,
    /// The new hash.
    pub new: PasswordHash,
    /// Time of the change.
    pub at: Timestamp,
    /// A new session that replaces all sessions of the user; `None` keeps the existing ones.
    pub only_session: Option<Session>,
}

/// Stores users and their accounts, in Better Auth's tables.
///
/// The methods do not require an [`Owner`](crate::Owner), because none of them reads tasks. [`delete`](Self::delete)
/// also deletes the tasks of the user.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait IdentityRepo: Send + Sync {
    /// Returns the ids for a new registration, in the form that the tables require. No other call may return them
    /// again.
    async fn next_ids(&self) -> Result<RegistrationIds, StoreError>;

    /// Creates the user, the account and the session in one transaction. If an email address is registered several
    /// times, even concurrently, exactly one registration must succeed.
    async fn register(&self, registration: &Registration) -> Result<(), RegisterError>;

    /// Returns the user with this email address and the password hash of their `credential` account.
    async fn find_credential(&self, email: &Email) -> Result<Option<Credential>, StoreError>;

    /// Returns the password hash of the user's `credential` account; `None` if there is no such user or no password.
    async fn find_password(&self, user: &UserId) -> Result<Option<PasswordHash>, StoreError>;

    /// Changes the password and the sessions in one transaction. Returns `false` and changes nothing if `old` is no
    /// longer the stored hash.
    async fn change_password(&self, change: &PasswordChange) -> Result<bool, StoreError>;

    /// Returns the accounts of the user, oldest first, at most `limit`.
    async fn list_accounts(&self, user: &UserId, limit: u32) -> Result<Vec<Account>, StoreError>;

    /// Updates the profile, and sets `updated_at` to `now`. Returns `false` if the user does not exist.
    async fn update_profile(&self, user: &UserId, update: &ProfileUpdate, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes the user and all their sessions, accounts and tasks in one transaction. Does nothing if the user does
    /// not exist.
    async fn delete(&self, user: &UserId) -> Result<(), StoreError>;
}
