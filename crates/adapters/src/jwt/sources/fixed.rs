//! Sources of keys that always return the same result: the secret shared with Better Auth, and keys that cannot be
//! loaded.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::Cause;
use taskbridge_domain::secret::SharedSecret;

use super::KeySource;
use crate::jwt::header::Header;
use crate::jwt::keys::algorithm::PUBLISHED_ALGORITHMS;
use crate::jwt::keys::verifying_key::{SignatureCheck, VerifyingKey};

/// The HS256 key of the shared secret. It ignores the `kid` of a token.
pub struct SharedSecretKey(Arc<VerifyingKey>);

impl SharedSecretKey {
    /// Creates a source with this one key.
    #[must_use]
    pub fn new(secret: &SharedSecret) -> Self {
        Self(Arc::new(VerifyingKey::hs256(secret)))
    }
}

#[async_trait]
impl KeySource for SharedSecretKey {
    fn algorithms(&self) -> &'static [&'static str] {
        &["HS256"]
    }

    async fn find_key(&self, _: &Header, _: SignatureCheck<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Ok(Some(Arc::clone(&self.0)))
    }

    fn describe(&self) -> Vec<String> {
        vec!["HS256 with the secret shared with Better Auth".into()]
    }
}

/// A source for keys that cannot be loaded; it contains the reason. Tokens of these keys can be neither accepted nor
/// rejected.
pub struct UnavailableKeys(pub String);

#[async_trait]
impl KeySource for UnavailableKeys {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED_ALGORITHMS
    }

    async fn find_key(&self, _: &Header, _: SignatureCheck<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Err(self.0.clone().into())
    }

    fn describe(&self) -> Vec<String> {
        vec![format!("no key: {}", self.0)]
    }
}
