//! Sources of keys that return the same result for every token: the secret shared with Better Auth, or the error that
//! keys cannot be loaded.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::Cause;
use taskbridge_domain::secret::SharedSecret;

use super::KeySource;
use crate::jwt::header::Header;
use crate::jwt::keys::algorithm::PUBLISHED_ALGORITHMS;
use crate::jwt::keys::verifying_key::{SignatureCheck, VerifyingKey};
use crate::jwt::report::KeyDescription;

/// A source whose only key is the secret shared with Better Auth, for HS256. It returns this key whatever `kid` a token
/// has.
pub struct SharedSecretKey(Arc<VerifyingKey>);

impl SharedSecretKey {
    /// Creates a source whose only key is `secret`.
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

    fn describe(&self) -> Vec<KeyDescription> {
        vec![KeyDescription::Key { kid: None, text: "HS256 with the secret shared with Better Auth".into() }]
    }
}

/// A source for keys that cannot be loaded, for the reason in the field. It returns an error for every token, because a
/// token whose key is unavailable can be neither accepted nor rejected.
pub struct UnavailableKeys(pub String);

#[async_trait]
impl KeySource for UnavailableKeys {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED_ALGORITHMS
    }

    async fn find_key(&self, _: &Header, _: SignatureCheck<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Err(self.0.clone().into())
    }

    fn describe(&self) -> Vec<KeyDescription> {
        vec![KeyDescription::NoKey(format!("can be loaded: {}", self.0))]
    }
}
