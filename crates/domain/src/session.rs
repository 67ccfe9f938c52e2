//! Sessions and the credentials handed out for them.

use crate::time::Timestamp;
use crate::user::UserId;

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
pub struct Client {
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
    pub client: Client,
}

impl Session {
    /// Whether it has ended by itself: `expires_at` lies before `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at < now
    }
}
