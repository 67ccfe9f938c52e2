//! Tokens: verified for every request, issued by the auth server.

use async_trait::async_trait;
use thiserror::Error;

use super::KeyError;
use crate::Cause;
use crate::sessions::Jwt;
use crate::users::{User, UserId};

/// What a verified token says. Plain data: only [`Authenticator`](crate::Authenticator) makes a right of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: on whose behalf the request is made.
    pub subject: UserId,
}

/// Why a token gives no claims.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The token is not good; the cause says why, without any part of the token.
    #[error("token rejected")]
    Rejected(#[source] Cause),
    /// Whether it is good cannot be told now: keys cannot be had.
    #[error("token keys unavailable")]
    Unavailable(#[source] Cause),
}

/// Verifies bearer tokens.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait AuthPort: Send + Sync {
    /// The claims of a JWT in compact form (RFC 7515, section 7.1).
    ///
    /// MUST refuse, as [`AuthError::Rejected`]: whatever is not three base64url segments of JSON objects with a
    /// valid signature by a trusted key, made with the one algorithm configured for that key; a token without
    /// `exp` or `sub`, expired, not yet valid, with a `crit` header, for another issuer or audience. The token
    /// itself never chooses key, algorithm or issuer.
    async fn verify(&self, token: &str) -> Result<Claims, AuthError>;
}

/// Issues the tokens that [`AuthPort`] verifies, where Taskbridge is the auth server.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// A token for this user, valid from now. The adapter on the other side of the wire MUST accept it, with
    /// the user's id as its subject.
    async fn issue(&self, user: &User) -> Result<Jwt, KeyError>;
}
