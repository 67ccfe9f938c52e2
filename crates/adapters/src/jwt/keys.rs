//! Where keys come from. Each key is bound to one algorithm (RFC 8725, section 3.1).

use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use taskbridge_domain::Cause;
use taskbridge_domain::secret::SharedSecret;

use super::algorithms::PUBLISHED;
use super::header::Header;
use super::seen::Seen;
use super::verifier::CompactToken;

/// A key and the only algorithm it verifies.
pub struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    key: DecodingKey,
    /// The tokens whose signatures fitted, where checking one costs more than remembering it.
    seen: Option<Seen>,
}

impl VerifyingKey {
    fn secret(secret: &SharedSecret) -> Self {
        Self { algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret.expose()), seen: None }
    }

    /// A key that somebody publishes; `None` if nothing can be verified with it.
    pub(super) fn public(algorithm: Algorithm, key: DecodingKey) -> Option<Self> {
        // Whether the point is on the curve is only asked when a signature is checked: any well-formed one will do.
        crypto::verify("AA", b"", &key, algorithm).ok().map(|_| Self { algorithm, key, seen: Some(Seen::default()) })
    }

    /// Whether the token was signed with the other half of this key.
    pub(super) fn has_signed(&self, token: &CompactToken<'_>) -> bool {
        let check =
            || matches!(crypto::verify(token.signature, token.signed.as_bytes(), &self.key, self.algorithm), Ok(true));
        match &self.seen {
            Some(seen) => seen.or_check(token.whole, check),
            None => check(),
        }
    }
}

/// A check of whether a key has signed the token.
pub type Fits<'a> = &'a (dyn Fn(&VerifyingKey) -> bool + Send + Sync);

/// Finds the key a token was made with, among the keys of one issuer.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The names of the algorithms that its keys may have.
    fn algorithms(&self) -> &'static [&'static str];

    /// Returns the key that `header`, whose algorithm is one of [`algorithms`](Self::algorithms), points at; `None` when
    /// this source has none of that algorithm and `kid`.
    ///
    /// A key that matches only because it or the token has no `kid` is returned only if it `fits`: the issuer may have
    /// replaced it.
    ///
    /// # Errors
    /// The cause, when it cannot tell now.
    async fn key(&self, header: &Header, fits: Fits<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause>;

    /// The keys it knows at this moment, a line for each, for people who ask why a token is refused.
    fn describe(&self) -> Vec<String>;
}

/// HS256 by the secret shared with Better Auth. A `kid` means nothing to it.
pub struct SecretKey(Arc<VerifyingKey>);

impl SecretKey {
    /// The source that holds this one key.
    #[must_use]
    pub fn new(secret: &SharedSecret) -> Self {
        Self(Arc::new(VerifyingKey::secret(secret)))
    }
}

#[async_trait]
impl KeySource for SecretKey {
    fn algorithms(&self) -> &'static [&'static str] {
        &["HS256"]
    }

    async fn key(&self, _: &Header, _: Fits<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Ok(Some(Arc::clone(&self.0)))
    }

    fn describe(&self) -> Vec<String> {
        vec!["HS256 with the secret shared with Better Auth".into()]
    }
}

/// Published keys that cannot be read now, and why: whoever has one of their tokens is told that it cannot be judged.
pub struct Unreadable(pub String);

#[async_trait]
impl KeySource for Unreadable {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED
    }

    async fn key(&self, _: &Header, _: Fits<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Err(self.0.clone().into())
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("no key: {}", self.0)]
    }
}
