//! Sessions and the credentials handed out for them.

use std::time::Duration;

use crate::time::Timestamp;
use crate::users::UserId;

crate::secret_text! {
    /// The secret that names a session: what its cookie carries, signed.
    SessionToken
}

crate::secret_text! {
    /// A signed JSON Web Token (RFC 7519) in its compact form.
    Jwt
}

/// From where a session was opened, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The address; empty when unknown.
    pub ip_address: String,
    /// The `User-Agent`; empty when none was sent.
    pub user_agent: String,
}

/// One sign-in of one user, until it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The row's id; not a secret, not a credential.
    pub id: String,
    /// The credential.
    pub token: SessionToken,
    /// Who is signed in.
    pub user_id: UserId,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
    /// From where.
    pub client: ClientInfo,
}

impl Session {
    /// How many of a user's are looked at, the latest.
    pub const MAX_LISTED: u32 = 100;

    /// Whether it has ended by itself: `expires_at` lies before `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }

    /// Whether its user has proved not long ago who they are.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp, policy: &SessionPolicy) -> bool {
        policy.fresh_age.is_zero() || now < self.created_at.after(policy.fresh_age)
    }

    /// Whether its end is to be moved: it is as far away as it was made, less the age at which that is due.
    #[must_use]
    pub fn is_due_for_renewal(&self, now: Timestamp, policy: &SessionPolicy) -> bool {
        self.expires_at <= now.after(policy.lifetime.saturating_sub(policy.update_age))
    }
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The life of a session, from when it was opened or last renewed.
    pub lifetime: Duration,
    /// The life of a session whose user asked not to be remembered.
    pub unremembered_lifetime: Duration,
    /// After what time a session in use is renewed.
    pub update_age: Duration,
    /// How long after signing in a user may do what is sensitive; zero is for ever.
    pub fresh_age: Duration,
}

impl SessionPolicy {
    /// Better Auth's: a week, a day, renewed after a day, fresh for a day.
    pub const DEFAULT: Self = Self {
        lifetime: Duration::from_hours(7 * 24),
        unremembered_lifetime: Duration::from_hours(24),
        update_age: Duration::from_hours(24),
        fresh_age: Duration::from_hours(24),
    };

    /// Returns the lifetime of a new session.
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
    fn a_session_lives_up_to_its_last_millisecond() {
        let session = session("ann");
        assert!(!session.has_expired(session.expires_at));
        assert!(session.has_expired(session.expires_at.after(MILLISECOND)));
    }

    #[test]
    fn a_session_is_fresh_for_a_day_or_for_ever() {
        let session = session("ann");
        assert!(session.is_fresh(moment().after(POLICY.fresh_age.saturating_sub(MILLISECOND)), &POLICY));
        assert!(!session.is_fresh(moment().after(POLICY.fresh_age), &POLICY));
        let policy = SessionPolicy { fresh_age: Duration::ZERO, ..POLICY };
        assert!(session.is_fresh(moment().after(POLICY.lifetime), &policy));
    }

    #[test]
    fn a_session_is_due_a_day_after_it_was_opened_or_renewed() {
        let session = session("ann");
        assert!(!session.is_due_for_renewal(moment().after(POLICY.update_age.saturating_sub(MILLISECOND)), &POLICY));
        assert!(session.is_due_for_renewal(moment().after(POLICY.update_age), &POLICY));
        let renewed = Session { expires_at: moment().after(POLICY.lifetime + POLICY.update_age), ..session };
        assert!(!renewed.is_due_for_renewal(moment().after(POLICY.update_age), &POLICY));
        // Renewed with each use, when no age is to be waited for.
        let policy = SessionPolicy { update_age: Duration::ZERO, ..POLICY };
        assert!(renewed.is_due_for_renewal(moment().after(POLICY.update_age), &policy));
        let never = SessionPolicy { update_age: POLICY.lifetime + POLICY.lifetime, ..POLICY };
        assert!(!renewed.is_due_for_renewal(moment(), &never));
    }
}
