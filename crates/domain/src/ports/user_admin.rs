//! The store of users, as an operator manages them.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::Cause;
use crate::time::Timestamp;
use crate::users::{BanReason, Email, PasswordHash, User, UserId};

/// A password that replaces the one that a user has, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordReset {
    /// The id of the user.
    pub user: UserId,
    /// The new hash.
    pub new: PasswordHash,
    /// Time of the reset.
    pub at: Timestamp,
}

/// A ban that replaces an earlier one of the same user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBan {
    /// The id of the user.
    pub user: UserId,
    /// The reason for the ban, for other operators.
    pub reason: Option<BanReason>,
    /// End of the ban; `None` if it is permanent.
    pub until: Option<Timestamp>,
    /// Time at which the user is banned.
    pub at: Timestamp,
}

/// Errors from banning a user.
#[derive(Debug, Error)]
pub enum BanError {
    /// The store cannot represent the ban. The cause says how to change that.
    #[error("the ban cannot be stored")]
    Unsupported(#[source] Cause),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The numbers of what belongs to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserTotals {
    /// Number of tasks.
    pub tasks: u64,
    /// Number of sessions that have not expired.
    pub sessions: u64,
}

/// Stores users as [`IdentityRepo`](super::IdentityRepo) does, for an operator who may read and change any of them.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait UserAdminRepo: Send + Sync {
    /// Returns the user with this id.
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError>;

    /// Returns the users with greater ids than `after`, or the first ones, at most `limit`, in the store's order of ids.
    async fn list(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Returns `true` if a user has this email address, in any case of the letters A to Z. `email` is in lower case.
    async fn has_email(&self, email: &Email) -> Result<bool, StoreError>;

    /// Returns the number of tasks of this user, and of sessions that have not expired at `now`.
    async fn totals(&self, user: &UserId, now: Timestamp) -> Result<UserTotals, StoreError>;

    /// Replaces the password and deletes all sessions of the user in one transaction. Creates the `credential` account of
    /// a user who has none. Returns `false` if the user does not exist.
    ///
    /// Must be atomic with respect to [`SessionRepo::create`](super::SessionRepo::create): no session that the old
    /// password creates may survive. Concurrent resets must not create two accounts.
    async fn reset_password(&self, reset: &PasswordReset) -> Result<bool, StoreError>;

    /// Bans the user and deletes all their sessions in one transaction. Returns `false` if the user does not exist.
    async fn ban(&self, ban: &NewBan) -> Result<bool, BanError>;

    /// Returns `true` if a user is marked as banned, including those whose ban has ended.
    async fn has_bans(&self) -> Result<bool, StoreError>;

    /// Returns the stored reason for the ban of the user, if there is one.
    async fn ban_reason(&self, user: &UserId) -> Result<Option<BanReason>, StoreError>;

    /// Ends the ban of the user at `now`. Returns `false` if the user does not exist. A user who is not banned stays so.
    async fn unban(&self, user: &UserId, now: Timestamp) -> Result<bool, BanError>;
}
