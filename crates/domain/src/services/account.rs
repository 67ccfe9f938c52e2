//! The ports and rules that sign-up, sign-in and profiles share.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, IdGenerator, IdentityRepo, PasswordHasher, RateLimiter, SessionRepo, StoreError};
use crate::rate_limit::{Decision, RateLimit, WindowStart};
use crate::sessions::{ClientInfo, Session, SessionPolicy, SessionToken};
use crate::users::{InvalidPassword, NewPassword, UserId};

/// Maximum rate of wrong passwords for one account, from all clients together. A password counts from the start of its
/// verification until it turns out to be right. The window begins with the first password, so that right passwords,
/// which are counted while they are verified, do not extend it.
///
/// The limit is high, and [`SignInService::sign_in`](super::SignInService::sign_in) exempts known clients from it, so
/// that an attacker cannot lock out a user.
pub const WRONG_PASSWORD_LIMIT: RateLimit =
    RateLimit { window: Duration::from_mins(10), begins: WindowStart::FirstRequest, max: 100 };

/// The operator's rules for accounts.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches")]
pub struct AccountPolicy {
    /// Whether new users may sign up.
    pub allow_sign_up: bool,
    /// Whether users may delete themselves.
    pub allow_deletion: bool,
    /// Whether users must verify their email address before they can sign in (Better Auth's
    /// `requireEmailVerification`).
    pub require_email_verification: bool,
    /// Whether a sign-in hashes the password again if the stored hash has a different algorithm or cost than new
    /// hashes.
    pub rehash: bool,
    /// Lifetimes of sessions.
    pub sessions: SessionPolicy,
}

/// The ports and the policy that the services for accounts use.
#[derive(Clone)]
pub struct AccountContext {
    /// The users and their passwords.
    pub identity: Arc<dyn IdentityRepo>,
    /// The sessions.
    pub sessions: Arc<dyn SessionRepo>,
    /// Hashes and verifies passwords.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Counts wrong passwords; without it, [`WRONG_PASSWORD_LIMIT`] does not apply.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    /// Generates session tokens.
    pub ids: Arc<dyn IdGenerator>,
    /// The current time.
    pub clock: Arc<dyn Clock>,
    /// The operator's rules.
    pub policy: AccountPolicy,
}

impl AccountContext {
    /// Parses a new password by the rules of the algorithm that will hash it.
    pub(super) fn new_password(&self, typed: &str) -> Result<NewPassword, InvalidPassword> {
        NewPassword::parse(typed, self.hasher.algorithm())
    }

    /// Returns a session with this id that starts now, with a new token. Does not store it.
    pub(super) fn new_session(&self, id: String, user: &UserId, client: ClientInfo, lifetime: Duration) -> Session {
        let now = self.clock.now();
        Session {
            id,
            token: SessionToken::new(self.ids.generate().into_string()),
            user_id: user.clone(),
            expires_at: now.after(lifetime),
            created_at: now,
            updated_at: now,
            client,
        }
    }

    /// Counts a password under `key` as wrong, before it is verified. So concurrent requests cannot exceed
    /// [`WRONG_PASSWORD_LIMIT`], and a client cannot avoid being counted by disconnecting during the verification.
    ///
    /// `key` consists of a prefix, such as `device`, and the account. The passwords of each key are counted separately.
    pub(super) async fn count_password(&self, key: &str) -> Result<Decision, StoreError> {
        let Some(limiter) = &self.limiter else { return Ok(Decision::Allowed) };
        limiter.hit(key, WRONG_PASSWORD_LIMIT, self.clock.now()).await
    }

    /// Uncounts a password that turned out to be right or could not be verified.
    pub(super) async fn uncount_password(&self, key: &str) {
        if let Some(limiter) = &self.limiter {
            limiter.undo_hit(key).await;
        }
    }
}
