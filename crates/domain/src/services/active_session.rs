//! Who is signed in.

use crate::session::Session;
use crate::user::User;

/// A session that is alive, and its user. Only the services make one, from a password or a session token.
#[derive(Debug, PartialEq, Eq)]
pub struct ActiveSession {
    pub(super) session: Session,
    pub(super) user: User,
    pub(super) was_renewed: bool,
}

impl ActiveSession {
    pub(super) fn opened(session: Session, user: User) -> Self {
        Self { session, user, was_renewed: false }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Who is signed in.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Whether its end was moved just now.
    #[must_use]
    pub fn was_renewed(&self) -> bool {
        self.was_renewed
    }
}
