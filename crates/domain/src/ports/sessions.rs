//! The store of sessions.

use async_trait::async_trait;

use super::StoreError;
use crate::sessions::{Session, SessionToken};
use crate::time::Timestamp;
use crate::users::{Email, PasswordHash, User, UserId};

/// Keeps the sessions of all users, in Better Auth's table.
///
/// What ends or lists sessions takes effect at once: nothing here MUST remember what it read before.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait SessionRepo: Send + Sync {
    /// Adds a session, if this is still the user's password; tells whether it was. Those the user already has stay. A
    /// change of the password that ends all sessions MUST NOT leave one behind that was opened by the old one, also at the
    /// same time.
    async fn create(&self, session: &Session, password: &PasswordHash) -> Result<bool, StoreError>;

    /// The session with exactly this token, expired or not, and its user.
    async fn find(&self, token: &SessionToken) -> Result<Option<(Session, User)>, StoreError>;

    /// Moves the end of a session, and when it last changed. `false` when there is no such session any more; one that
    /// was ended meanwhile MUST NOT come back.
    async fn extend(
        &self,
        token: &SessionToken,
        expires_at: Timestamp,
        updated_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The sessions of this user that have not expired at `now`, the latest sign-in first, at most `limit`.
    async fn list(&self, user: &UserId, now: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError>;

    /// Returns `true` if the user with this address has a session from `ip_address` that has not expired at `now`.
    ///
    /// Must run the same single statement for unknown addresses, so that its time reveals nothing.
    async fn has_session_from(&self, email: &Email, ip_address: &str, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends the session with exactly this token, whosever it is. None is no error.
    async fn delete(&self, token: &SessionToken) -> Result<(), StoreError>;

    /// Ends the session with exactly this token if it is this user's.
    async fn delete_owned(&self, user: &UserId, token: &SessionToken) -> Result<(), StoreError>;

    /// Ends all sessions of this user.
    async fn delete_all(&self, user: &UserId) -> Result<(), StoreError>;

    /// Ends all sessions of this user but the one with this token.
    async fn delete_others(&self, user: &UserId, kept: &SessionToken) -> Result<(), StoreError>;

    /// Removes all sessions that have expired at `now`, everybody's, and tells how many there were.
    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError>;
}
