//! The session of a signed-in user.

use crate::sessions::Session;
use crate::users::User;

/// An unexpired session and its user. Only the services create one, from a password or a session token.
#[derive(Debug, PartialEq, Eq)]
pub struct ActiveSession {
    pub(super) session: Session,
    pub(super) user: User,
    pub(super) was_renewed: bool,
}

impl ActiveSession {
    pub(super) fn new(session: Session, user: User) -> Self {
        Self { session, user, was_renewed: false }
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the signed-in user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Returns `true` if the expiry of the session has just been extended.
    #[must_use]
    pub fn was_renewed(&self) -> bool {
        self.was_renewed
    }
}
