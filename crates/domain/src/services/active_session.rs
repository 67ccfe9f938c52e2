//! Who is signed in.

use std::time::Duration;

use crate::ports::IdGenerator;
use crate::sessions::{ClientInfo, Session, SessionToken};
use crate::time::Timestamp;
use crate::users::{User, UserId};

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

/// A session that begins now, with a credential that nobody has had before.
pub(super) fn new_session(
    ids: &dyn IdGenerator,
    user: &UserId,
    client: ClientInfo,
    now: Timestamp,
    lifetime: Duration,
) -> Session {
    Session {
        id: ids.generate().into_string(),
        token: SessionToken::new(ids.generate().into_string()),
        user_id: user.clone(),
        expires_at: now.after(lifetime),
        created_at: now,
        updated_at: now,
        client,
    }
}
