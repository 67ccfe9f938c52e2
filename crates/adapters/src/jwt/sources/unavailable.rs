//! A source of keys that cannot be loaded.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::Cause;

use super::KeySource;
use crate::jwt::header::Header;
use crate::jwt::keys::algorithm::PUBLISHED_ALGORITHMS;
use crate::jwt::keys::verifying_key::{SignatureCheck, VerifyingKey};

/// A source of keys that cannot be loaded, with the reason. Tokens with these keys can neither be accepted nor
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
