//! Sources of the keys that verify tokens.

pub(super) mod fixed;
pub(super) mod inspection;
pub(super) mod jwks_client;
pub(super) mod remote_jwks;
pub(super) mod stored_keys;

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::Cause;

use super::header::Header;
use super::keys::verifying_key::{SignatureCheck, VerifyingKey};

/// Finds the key that verifies a token, among the keys of one issuer.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Returns the names of the algorithms that the keys can have.
    fn algorithms(&self) -> &'static [&'static str];

    /// Returns the key that has the algorithm and `kid` in `header`, or `None` if the source has no such key. The
    /// algorithm in `header` must be one of [`algorithms`](Self::algorithms).
    ///
    /// If the key or `header` has no `kid`, the key is returned only if it passes `verifies`. Otherwise `None` is
    /// returned, because the issuer may have replaced the key with a new one.
    ///
    /// # Errors
    /// Any error that prevents loading the keys.
    async fn find_key(&self, header: &Header, verifies: SignatureCheck<'_>)
    -> Result<Option<Arc<VerifyingKey>>, Cause>;

    /// Returns a description of each current key, to show the operator why a token is rejected.
    fn describe(&self) -> Vec<String>;
}
