//! Where keys come from. Each key is bound to one algorithm (RFC 8725, section 3.1).

use std::sync::Arc;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, DecodingKey};
use taskbridge_domain::Cause;
use taskbridge_domain::secret::SharedSecret;

use super::header::Header;

/// A key and the only algorithm it verifies.
pub struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    pub(super) name: &'static str,
    pub(super) key: DecodingKey,
}

/// Finds the key a token was made with, among the keys of one issuer.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The key that `header` points at; `None` when this source has none of that algorithm and `kid`.
    ///
    /// # Errors
    /// The cause, when it cannot tell now.
    async fn key(&self, header: &Header) -> Result<Option<Arc<VerifyingKey>>, Cause>;
}

/// HS256 by the secret shared with Better Auth. A `kid` means nothing to it.
pub struct SecretKey(Arc<VerifyingKey>);

impl SecretKey {
    /// The source that holds this one key.
    #[must_use]
    pub fn new(secret: &SharedSecret) -> Self {
        let key = DecodingKey::from_secret(secret.expose());
        Self(Arc::new(VerifyingKey { algorithm: Algorithm::HS256, name: "HS256", key }))
    }
}

#[async_trait]
impl KeySource for SecretKey {
    async fn key(&self, header: &Header) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        Ok((header.alg == self.0.name).then(|| Arc::clone(&self.0)))
    }
}
