//! A key that verifies signatures, bound to one algorithm (RFC 8725, section 3.1).

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use taskbridge_domain::secret::SharedSecret;

use super::verified_tokens::VerifiedTokens;
use crate::jwt::compact::CompactToken;

/// A key that verifies signatures, and the only algorithm for which it does so.
pub struct VerifyingKey {
    pub(in crate::jwt) algorithm: Algorithm,
    key: DecodingKey,
    /// The index of the key in its set and the tokens that the keys of the set have verified; `None` for HS256, where
    /// verifying a token again costs less than looking it up.
    verified: Option<(usize, VerifiedTokens)>,
}

/// A function that returns `true` if the given key verifies the token whose key is being looked up.
pub type SignatureCheck<'a> = &'a (dyn Fn(&VerifyingKey) -> bool + Send + Sync);

impl VerifyingKey {
    /// Creates a key that verifies HS256 signatures with `secret`.
    pub(in crate::jwt) fn hs256(secret: &SharedSecret) -> Self {
        Self { algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret.expose()), verified: None }
    }

    /// Creates a key from the public half of a key pair. `index` is its position in the key set. Returns `None` if the
    /// public half is invalid.
    pub(super) fn public(
        algorithm: Algorithm,
        key: DecodingKey,
        index: usize,
        verified: &VerifiedTokens,
    ) -> Option<Self> {
        // Verifies a dummy signature to find out whether the key is valid: the crate `jsonwebtoken` checks that the
        // point is on the curve only when it verifies a signature.
        let verified = Some((index, verified.clone()));
        crypto::verify("AA", b"", &key, algorithm).ok().map(|_| Self { algorithm, key, verified })
    }

    /// Returns `true` if the signature of the token is valid for this key.
    pub(in crate::jwt) fn verifies(&self, token: &CompactToken<'_>) -> bool {
        let check =
            || matches!(crypto::verify(token.signature, token.signed.as_bytes(), &self.key, self.algorithm), Ok(true));
        match &self.verified {
            Some((index, verified)) => verified.contains_or_check(*index, token.whole, check),
            None => check(),
        }
    }
}
