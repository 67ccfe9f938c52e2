//! Sessions and their tokens.

use std::time::Duration;

use crate::secret_text;
use crate::time::Timestamp;
use crate::users::UserId;

secret_text! {
    /// The secret token of a session. The session cookie contains the token and its signature.
    SessionToken
}

secret_text! {
    /// A signed access token: a JSON Web Token (RFC 7519) in compact form.
    Jwt
}

/// The client that created a session, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The IP address; empty if unknown.
    pub ip_address: String,
    /// The `User-Agent` header; empty if there was none.
    pub user_agent: String,
}

/// A session of a user, from sign-in to sign-out or expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id of the session. It is not secret, because it gives no access.
    pub id: String,
    /// The secret token with which the client resumes the session.
    pub token: SessionToken,
    /// The signed-in user.
    pub user_id: UserId,
    /// Time of the expiry.
    pub expires_at: Timestamp,
    /// Time of the sign-in.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// The client that created the session.
    pub client: ClientInfo,
}

impl Session {
    /// Maximum number of sessions that [`SessionService::list`](crate::services::SessionService::list) returns.
    pub const MAX_LISTED: u32 = 100;

    /// Returns `true` if the session has expired. At exactly `expires_at`, it is still valid.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }

    /// Returns `true` if the user signed in less than [`SessionPolicy::fresh_age`] ago, or if `fresh_age` is zero.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, policy: &SessionPolicy) -> bool {
        policy.fresh_age.is_zero() || now < self.created_at.after(policy.fresh_age)
    }

    /// Returns `true` if at least [`SessionPolicy::update_age`] has passed since the expiry was last set.
    #[must_use]
    pub fn is_due_for_renewal(&self, now: Timestamp, policy: &SessionPolicy) -> bool {
        self.expires_at <= now.after(policy.lifetime.saturating_sub(policy.update_age))
    }
}

/// The lifetimes of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// Time from the creation or the last renewal to the expiry.
    pub lifetime: Duration,
    /// Time from the creation to the expiry if the user has chosen not to be remembered. Such a session is not renewed.
    pub unremembered_lifetime: Duration,
    /// Minimum time between two renewals.
    pub update_age: Duration,
    /// Time after the sign-in during which the session allows sensitive operations; zero means no limit.
    pub fresh_age: Duration,
}

impl SessionPolicy {
    /// The defaults of Better Auth: 7 days, 1 day if not remembered, renewed after 1 day, fresh for 1 day.
    pub const DEFAULT: Self = Self {
        lifetime: Duration::from_hours(7 * 24),
        unremembered_lifetime: Duration::from_hours(24),
        update_age: Duration::from_hours(24),
        fresh_age: Duration::from_hours(24),
    };

    /// Returns the lifetime of a new session. `remember` is `false` if the user has chosen not to be remembered.
    #[must_use]
    pub fn lifetime_for(&self, remember: bool) -> Duration {
        if remember { self.lifetime } else { self.unremembered_lifetime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::{moment, session};

    const POLICY: SessionPolicy = SessionPolicy::DEFAULT;
    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_session_is_valid_at_its_expiry_and_not_later() {
        let session = session("ann");
        assert!(!session.has_expired(session.expires_at));
        assert!(session.has_expired(session.expires_at.after(MILLISECOND)));
    }

    #[test]
    fn a_session_is_fresh_for_a_day_or_always() {
        let session = session("ann");
        assert!(session.is_fresh(moment().after(POLICY.fresh_age.saturating_sub(MILLISECOND)), &POLICY));
        assert!(!session.is_fresh(moment().after(POLICY.fresh_age), &POLICY));
        let policy = SessionPolicy { fresh_age: Duration::ZERO, ..POLICY };
        assert!(session.is_fresh(moment().after(POLICY.lifetime), &policy));
    }

    #[test]
    fn a_session_is_due_for_renewal_a_day_after_its_creation_or_renewal() {
        let session = session("ann");
        assert!(!session.is_due_for_renewal(moment().after(POLICY.update_age.saturating_sub(MILLISECOND)), &POLICY));
        assert!(session.is_due_for_renewal(moment().after(POLICY.update_age), &POLICY));
        let renewed = Session { expires_at: moment().after(POLICY.lifetime + POLICY.update_age), ..session };
        assert!(!renewed.is_due_for_renewal(moment().after(POLICY.update_age), &POLICY));
        // With an update age of zero, each use renews the session.
        let policy = SessionPolicy { update_age: Duration::ZERO, ..POLICY };
        assert!(renewed.is_due_for_renewal(moment().after(POLICY.update_age), &policy));
        let never = SessionPolicy { update_age: POLICY.lifetime + POLICY.lifetime, ..POLICY };
        assert!(!renewed.is_due_for_renewal(moment(), &never));
    }
}
