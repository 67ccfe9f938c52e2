//! A key pair in Better Auth's table `jwks`, and the repository that stores it.

use async_trait::async_trait;
use serde_json::{Map, Value};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{PublicKey, StoreError};

taskbridge_domain::secret_text! {
    /// The private half of a key pair as it is stored: encrypted, unless Better Auth was configured to store plain
    /// text.
    StoredPrivateKey
}

/// A row of the table `jwks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// The `kid` of the tokens that the key signs.
    pub id: String,
    /// The public half of the key pair: a JSON Web Key (RFC 7517) as text, without `alg` and `kid`.
    pub public: String,
    /// The private half of the key pair, which signs tokens.
    pub private: StoredPrivateKey,
    /// The `alg` of the tokens that the key signs (RFC 7518, section 3.1); `None` in rows from older versions of Better
    /// Auth.
    pub algorithm: Option<String>,
    /// The curve of the key, such as `P-256`; `None` for RSA keys, which have no curve.
    pub curve: Option<String>,
    /// Time at which the key was created.
    pub created_at: Timestamp,
    /// Time at which the key expires and stops signing; `None` if it never expires.
    pub expires_at: Option<Timestamp>,
}

impl StoredKey {
    /// Returns `true` if the key has not expired, so that new tokens can be signed with it.
    #[must_use]
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }

    /// Returns the `alg` of the tokens that the key signs: the one in the row or, if the row has none, the one that the
    /// type of the public key implies. Returns `None` if that type is unknown.
    pub(in crate::jwt) fn algorithm_name(&self) -> Option<String> {
        self.algorithm.clone().or_else(|| {
            let jwk = self.public_members()?;
            match (jwk.get("kty")?.as_str()?, jwk.get("crv").and_then(Value::as_str)) {
                ("OKP", Some("Ed25519")) => Some("EdDSA".into()),
                ("EC", Some("P-256")) => Some("ES256".into()),
                ("EC", Some("P-521")) => Some("ES512".into()),
                ("RSA", _) => Some("RS256".into()),
                _ => None,
            }
        })
    }

    /// Returns the key to publish. Copies only members that a public key may have, so that no secret is published even
    /// if the column of the public half contains one.
    pub(in crate::jwt) fn public_key(&self) -> Option<PublicKey> {
        let jwk = self.public_members()?;
        let member = |name: &str| Some((name.to_owned(), jwk.get(name)?.as_str()?.to_owned()));
        let members = ["crv", "kty", "x", "y", "n", "e"].into_iter().filter_map(member).collect();
        Some(PublicKey { id: self.id.clone(), algorithm: self.algorithm_name()?, members })
    }

    fn public_members(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.public).ok()
    }
}

/// Stores the key pairs that sign tokens, in Better Auth's table `jwks`.
#[async_trait]
pub trait SigningKeyRepo: Send + Sync {
    /// Returns the id for a new key, in the form that the table requires. No other call may return it again.
    async fn next_id(&self) -> Result<String, StoreError>;

    /// Returns all keys, including expired ones, oldest first.
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError>;

    /// Adds `key` if `known` contains the ids of all keys in the table. Otherwise returns `false` and adds nothing.
    ///
    /// An implementation must be atomic: of several concurrent calls with the same `known`, exactly one adds its key.
    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError>;

    /// Sets the expiry of the keys with these ids to `end`. Does not change keys that expire earlier, and ignores
    /// unknown ids.
    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError>;
}
