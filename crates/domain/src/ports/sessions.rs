//! The store of sessions.

use async_trait::async_trait;

use super::store::StoreError;
use crate::sessions::{Session, SessionToken};
use crate::time::Timestamp;
use crate::users::{Email, PasswordHash, User, UserId};

/// Stores the sessions of all users, in Better Auth's `session` table.
///
/// Implementations must not cache sessions: when one replica deletes a session, no replica may find it any more. Tokens
/// must be compared byte for byte.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionRepo: Send + Sync {
    /// Returns the id for a new session, in the form that the table requires. No other call may return it again.
    async fn next_id(&self) -> Result<String, StoreError>;

    /// Creates `session` if `password` is still the stored password hash of its user. Returns `false` if it is not.
    ///
    /// Must be atomic with respect to a concurrent password change: a change that ends all sessions must also end a
    /// session that is being created with the old password.
    async fn create(&self, session: &Session, password: &PasswordHash) -> Result<bool, StoreError>;

    /// Returns the session with this token and its user, even if the session has expired.
    async fn find(&self, token: &SessionToken) -> Result<Option<(Session, User)>, StoreError>;

    /// Sets `expires_at` and `updated_at` of the session with this token. Returns `false` if the session no longer
    /// exists: a session that was deleted meanwhile must not reappear.
    async fn extend(
        &self,
        token: &SessionToken,
        expires_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Returns the sessions of `user` that have not expired at `now`, newest first, at most `limit`.
    async fn list(&self, user: &UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError>;

    /// Returns `true` if the user with this email address has a session from `ip_address` that has not expired at
    /// `now`.
    ///
    /// Must run the same single statement whether or not a user has this email address, because the response time must
    /// not reveal who has an account.
    async fn has_session_from(&self, email: &Email, ip_address: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Deletes the session with this token. Does nothing if there is no such session.
    async fn delete(&self, token: &SessionToken) -> Result<(), StoreError>;

    /// Deletes the session with this token if it belongs to `user`. Does nothing if it belongs to another user.
    async fn delete_owned(&self, user: &UserId, token: &SessionToken) -> Result<(), StoreError>;

    /// Deletes all sessions of `user`.
    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError>;

    /// Deletes all sessions of `user` except the one with the token `kept`.
    async fn delete_others(&self, user: &UserId, kept: &SessionToken) -> Result<(), StoreError>;

    /// Deletes all sessions, of any user, that have expired at `now`. Returns the number of deleted sessions.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}
