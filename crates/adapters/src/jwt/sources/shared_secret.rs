//! The secret shared with Better Auth, as a source of keys.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::Cause;
use taskbridge_domain::secret::SharedSecret;

use super::KeySource;
use crate::jwt::header::Header;
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
