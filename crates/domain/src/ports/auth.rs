//! Access tokens (JWT): verified on every request, and issued if Taskbridge is the auth server.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::Cause;
use crate::sessions::Jwt;
use crate::users::{User, UserId};

/// The claims of a verified token. Claims alone do not grant access: only [`Authenticator`](crate::Authenticator)
/// converts them to a [`Principal`](crate::Principal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The `sub` claim: the id of the caller.
    pub subject: UserId,
}

/// Errors from verifying a token.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The token is invalid. The cause has the details, and contains no part of the token.
    #[error("token rejected")]
    Rejected(RejectionKind, #[source] Cause),
    /// The keys that could verify the token cannot be loaded at the moment.
    #[error("token keys unavailable")]
    Unavailable(#[source] Cause),
}

/// The check of [`AuthPort::verify`] that a token has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// The token is not in the compact form, or its header or claims cannot be parsed.
    Malformed,
    /// The token is longer than the configured maximum.
    TooLong,
    /// The header requires an extension that is not supported (`crit`).
    UnsupportedExtension,
    /// The token is signed with a trusted key, but for another purpose than to access the API.
    NotAnAccessToken,
    /// No trusted issuer uses the algorithm of the token.
    AlgorithmNotEnabled,
    /// No trusted issuer has the key that the token names.
    UnknownKey,
    /// The signature does not match the token and the key.
    WrongSignature,
    /// A required claim is missing.
    MissingClaim,
    /// The token has expired.
    Expired,
    /// The token is not valid yet.
    NotYetValid,
    /// The issuer is not an accepted one.
    WrongIssuer,
    /// The token is for another audience.
    WrongAudience,
}

/// Verifies bearer tokens.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AuthPort: Send + Sync {
    /// Verifies a JWT in compact form (RFC 7515, section 7.1) and returns its claims.
    ///
    /// Must return [`AuthError::Rejected`] unless all of these conditions hold:
    ///
    /// - The token consists of three base64url segments. Its header and its claims are JSON objects.
    /// - The signature is valid for a trusted key and for the one algorithm that is configured for this key.
    /// - The header has no `crit`.
    /// - The claims contain `sub` and `exp`. The token has not expired, and `nbf`, if present, is not in the future.
    /// - The issuer and the audience are the configured ones.
    ///
    /// The content of a token must never decide which keys, algorithms or issuers are trusted.
    async fn verify(&self, token: &str) -> Result<Claims, AuthError>;
}

/// A public key that verifies the tokens of a [`TokenIssuer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The `kid` in the header of the tokens that this key verifies.
    pub id: String,
    /// The only algorithm with which this key may be used.
    pub algorithm: String,
    /// The name and the value of each member of the JSON Web Key, except `kid` and `alg`.
    pub members: Vec<(String, String)>,
}

/// Errors from signing a token or listing the public keys.
#[derive(Debug, Error)]
pub enum SigningError {
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No signing key is available, and none can be created.
    #[error("no key can sign: {0}")]
    NoKey(Cause),
}

/// Issues the tokens that [`AuthPort`] verifies. Used only if Taskbridge is the auth server.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// Issues a token for `user` that is valid immediately. [`AuthPort::verify`] must accept it and return the id of
    /// `user` as its subject.
    async fn issue(&self, user: &User) -> Result<Jwt, SigningError>;

    /// Returns the public keys. They must include the key of every issued token that has not expired, unless the key
    /// was withdrawn. The list is empty if the tokens are signed with the shared secret and no key pairs exist.
    async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError>;
}
