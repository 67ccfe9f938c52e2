//! Access tokens (JWT): verified on every request, issued where Taskbridge is the auth server.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::Cause;
use crate::sessions::Jwt;
use crate::users::{User, UserId};

/// The claims of a verified token. They grant nothing by themselves: only
/// [`Authenticator`](crate::Authenticator) turns them into a [`Principal`](crate::Principal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The `sub` claim: the user on whose behalf the request is made.
    pub subject: UserId,
}

/// Errors from verifying a token.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The token is invalid. The cause says why and contains no part of the token.
    #[error("token rejected")]
    Rejected(#[source] Cause),
    /// The keys that could verify the token cannot be loaded at the moment.
    #[error("token keys unavailable")]
    Unavailable(#[source] Cause),
}

/// Verifies bearer tokens.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AuthPort: Send + Sync {
    /// Verifies a JWT in compact form (RFC 7515, section 7.1) and returns its claims.
    ///
    /// Must return [`AuthError::Rejected`] unless the token consists of three base64url segments, its header and claims
    /// are JSON objects, and it has a valid signature by a trusted key, made with the one algorithm configured for that
    /// key. Must also reject a token without `exp` or `sub`, one that has expired or is not valid yet, one with a
    /// `crit` header, and one for another issuer or audience. The token itself must never choose the key, the algorithm
    /// or the issuer.
    async fn verify(&self, token: &str) -> Result<Claims, AuthError>;
}

/// A public key that verifies the tokens of a [`TokenIssuer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The `kid` of the tokens that it verifies.
    pub id: String,
    /// The only algorithm that it verifies.
    pub algorithm: String,
    /// The members of the JSON Web Key, without `kid` and `alg`: name and value.
    pub members: Vec<(String, String)>,
}

/// Errors from signing a token or listing the public keys.
#[derive(Debug, Error)]
pub enum SigningError {
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No signing key is available, and none can be created.
    #[error("no key can sign: {0}")]
    NoKey(Cause),
}

/// Issues the tokens that [`AuthPort`] verifies, where Taskbridge is the auth server.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// Issues a token for `user` that is valid from now on. [`AuthPort::verify`] must accept it, with the user's id as
    /// its subject.
    async fn issue(&self, user: &User) -> Result<Jwt, SigningError>;

    /// Returns the public keys. They must include the key of every token that was issued and has not expired, unless
    /// that key was withdrawn. Returns none if tokens are signed with a secret and no other keys exist.
    async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError>;
}
