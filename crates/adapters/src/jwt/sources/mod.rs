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
use super::report::KeyDescription;

/// The keys of one issuer. Finds the key among them that verifies a token.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Returns the names of the algorithms that the keys of this source can have.
    fn algorithms(&self) -> &'static [&'static str];

    /// Returns the key that has the algorithm and `kid` in `header`, or `None` if the source has no such key. The
    /// algorithm in `header` must be one of [`algorithms`](Self::algorithms).
    ///
    /// If the key or `header` has no `kid`, the key is returned only if `verifies` returns `true` for it. If it does
    /// not, the result is `None`, because the issuer may have replaced the key with a new one.
    ///
    /// # Errors
    /// Any error that prevents loading the keys.
    async fn find_key(&self, header: &Header, verifies: SignatureCheck<'_>)
    -> Result<Option<Arc<VerifyingKey>>, Cause>;

    /// Describes the keys that the source has now, to show the operator why a token is rejected.
    fn describe(&self) -> Vec<KeyDescription>;
}
