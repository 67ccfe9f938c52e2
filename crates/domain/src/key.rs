//! The keys of tokens, as Better Auth keeps and publishes them.

use crate::time::Timestamp;

crate::secret_text! {
    /// The private half of a key as it is stored: encrypted, as a rule. Still not for a log.
    SealedKey
}

/// A key pair, in Better Auth's table `jwks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// The public half: a JSON Web Key (RFC 7517) as text, without `alg` and `kid`.
    pub public: String,
    /// The private half.
    pub private: SealedKey,
    /// What it signs by (RFC 7518, section 3.1); rows of old versions have none.
    pub algorithm: Option<String>,
    /// Its curve; none for RSA.
    pub curve: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it signs no more; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl StoredKey {
    /// Whether it may still sign.
    #[must_use]
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// A public key, to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The `kid` of its tokens.
    pub id: String,
    /// The one algorithm it is for.
    pub algorithm: String,
    /// The members of the JSON Web Key, less `kid` and `alg`: name and value.
    pub members: Vec<(String, String)>,
}
