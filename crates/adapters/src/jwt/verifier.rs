//! Verification: who made this token, and is it good?

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use taskbridge_domain::ports::{AuthError, AuthPort, Claims, Clock};
use thiserror::Error;

use super::claims::ExpectedClaims;
use super::header::Header;
use super::keys::KeySource;

/// Tokens longer than this are not even looked at, in bytes. Better Auth's own have about 500.
const MAX_TOKEN_BYTES: usize = 8192;

/// Why a token is not good: for the log, never for the caller. It holds nothing of the token but the name of its
/// algorithm, escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Not three base64url segments, or a segment is no JSON object of the right types.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Longer than any token of use.
    #[error("longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// A `crit` header, none of whose extensions we know (RFC 7515, section 4.1.11).
    #[error("has a crit header")]
    CriticalHeader,
    /// The cookie in which Better Auth caches a session.
    #[error("is a session-cache cookie, not an API token")]
    SessionCache,
    /// No trusted issuer has a key of this algorithm and `kid`.
    #[error("no trusted key for algorithm {0:?}")]
    NoKey(String),
    /// The signature does not fit.
    #[error("wrong signature")]
    Signature,
    /// A claim that every token must have is absent or empty.
    #[error("claim {0} is missing")]
    Missing(&'static str),
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` is to come.
    #[error("not yet valid")]
    NotYetValid,
    /// `iss` is somebody else.
    #[error("wrong issuer")]
    Issuer,
    /// `aud` is somebody else.
    #[error("wrong audience")]
    Audience,
}

impl From<Rejection> for AuthError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }
}

/// Somebody whose tokens are accepted: with these keys, saying this.
pub struct TrustedIssuer {
    /// Where its keys are.
    pub keys: Arc<dyn KeySource>,
    /// What its tokens must say.
    pub expected: ExpectedClaims,
}

/// Verifies tokens of the trusted issuers.
pub struct JwtVerifier {
    issuers: Vec<TrustedIssuer>,
    clock: Arc<dyn Clock>,
}

impl JwtVerifier {
    /// A verifier that trusts these issuers; the first that has a key for a token judges it.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, clock }
    }
}

#[async_trait]
impl AuthPort for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let token = CompactToken::parse(token)?;
        let header = Header::parse(&decode(token.header).ok_or(Rejection::Malformed("header"))?)?;
        for issuer in &self.issuers {
            let Some(key) = issuer.keys.key(&header).await.map_err(AuthError::Unavailable)? else { continue };
            let signed = crypto::verify(token.signature, token.signed.as_bytes(), &key.key, key.algorithm);
            if !matches!(signed, Ok(true)) {
                return Err(Rejection::Signature.into());
            }
            let claims = decode(token.claims).ok_or(Rejection::Malformed("claims"))?;
            return Ok(issuer.expected.check(&claims, self.clock.now())?);
        }
        let algorithm = header.alg.chars().take(16).collect();
        Err(Rejection::NoKey(algorithm).into())
    }
}

/// The segments of a JWS in compact form (RFC 7515, section 7.1).
struct CompactToken<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
    /// Header and claims: what the signature covers.
    signed: &'a str,
}

impl<'a> CompactToken<'a> {
    fn parse(token: &'a str) -> Result<Self, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLong);
        }
        let malformed = Rejection::Malformed("token: three segments are needed");
        let Some((signed, signature)) = token.rsplit_once('.') else { return Err(malformed) };
        match signed.split_once('.') {
            Some((header, claims)) if !claims.contains('.') => Ok(Self { header, claims, signature, signed }),
            _ => Err(malformed),
        }
    }
}

/// base64url without padding, blanks or stray bits (RFC 7515, section 2).
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}
