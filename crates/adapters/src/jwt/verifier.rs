//! Verification: who made this token, and is it good?

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use taskbridge_domain::ports::{AuthError, AuthPort, Claims, Clock};
use thiserror::Error;

use super::algorithms::published;
use super::claims::ExpectedClaims;
use super::header::Header;
use super::keys::{KeySource, VerifyingKey};

/// Default maximum length of a token, in bytes. Better Auth's own have about 500.
const MAX_TOKEN_BYTES: usize = 8192;

/// Why a token is not good: for the log, never for the caller. It holds nothing of the token but the name of its
/// algorithm and, once the signature has been verified, a wrong issuer or audience; escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Not three base64url segments, or a segment is no JSON object of the right types.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// Longer than the verifier's limit.
    #[error("longer than {max_bytes} bytes (jwt.max_bytes)")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// A `crit` header, none of whose extensions we know (RFC 7515, section 4.1.11).
    #[error("has a crit header")]
    CriticalHeader,
    /// The cookie in which Better Auth caches a session.
    #[error("is a session-cache cookie, not an API token")]
    SessionCache,
    /// No trusted issuer has keys of this algorithm.
    #[error("algorithm {found:?} is not enabled (enabled: {enabled}){}", remedy(.found))]
    Algorithm {
        /// As the token names it.
        found: String,
        /// The names of those that are.
        enabled: String,
    },
    /// No trusted issuer has a key of its algorithm and `kid`; without a `kid`, none that verifies it.
    #[error("no trusted key of its algorithm and kid")]
    NoKey,
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
    #[error("wrong issuer: iss is {found}, jwt.issuer accepts {accepted}")]
    Issuer {
        /// What it is.
        found: String,
        /// What it may be.
        accepted: String,
    },
    /// `aud` is somebody else.
    #[error("wrong audience: aud is {found}, jwt.audience accepts {accepted}")]
    Audience {
        /// What it is.
        found: String,
        /// What it may be.
        accepted: String,
    },
}

impl Rejection {
    pub(super) fn issuer(found: &str, accepted: &[String]) -> Self {
        Self::Issuer { found: quoted(&[found.to_owned()]), accepted: quoted(accepted) }
    }

    pub(super) fn audience(found: &[String], accepted: &[String]) -> Self {
        Self::Audience { found: quoted(found), accepted: quoted(accepted) }
    }
}

/// Some texts, escaped and cut.
fn quoted(texts: &[String]) -> String {
    let cut = |text: &String| format!("{:?}", text.chars().take(200).collect::<String>());
    let all: Vec<_> = texts.iter().take(10).map(cut).collect();
    if all.is_empty() { "an empty list".into() } else { all.join(", ") }
}

/// What to change for tokens of an algorithm that is not enabled to be accepted.
fn remedy(algorithm: &str) -> &'static str {
    match algorithm {
        "HS256" => "; set BETTER_AUTH_SECRET in bridge mode, or jwt.accept_hs256 in server mode, to accept it",
        "ES512" => "; choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig } })",
        other if published(other).is_some() => "; leave JWKS_URL=off away to accept the keys Better Auth publishes",
        _ => "",
    }
}

/// The checks of a token, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It has three segments, and not too long ones.
    Form,
    /// Its header is one that may be looked at.
    Header,
    /// Its algorithm is enabled.
    Algorithm,
    /// There is a trusted key of its algorithm and `kid`.
    Key,
    /// The signature is by that key.
    Signature,
    /// Its claims have the right types.
    Claims,
    /// `exp` is to come.
    Expiry,
    /// `nbf` is not to come.
    NotBefore,
    /// `iss`.
    Issuer,
    /// `aud`.
    Audience,
    /// `sub`.
    Subject,
}

impl Check {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Form,
        Self::Header,
        Self::Algorithm,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Expiry,
        Self::NotBefore,
        Self::Issuer,
        Self::Audience,
        Self::Subject,
    ];
}

/// How a token was judged.
#[derive(Debug)]
pub struct Trail {
    /// The keys there were to be tried, a line for each.
    pub keys: Vec<String>,
    /// The checks it passed: the first ones of [`Check::ALL`].
    pub passed: Vec<Check>,
    /// What it says; or what is wrong, with the first check that it did not pass.
    pub verdict: Result<Claims, AuthError>,
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
    max_bytes: usize,
}

impl JwtVerifier {
    /// A verifier that trusts these issuers; the first that has a key for a token judges it.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, clock, max_bytes: MAX_TOKEN_BYTES }
    }

    /// Rejects tokens of more than `max_bytes` bytes, before anything of them is decoded.
    #[must_use]
    pub fn with_max_bytes(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// Judges a token as [`verify`](AuthPort::verify) does, and tells which checks it passed.
    pub async fn explain(&self, token: &str) -> Trail {
        let mut passed = Vec::new();
        let verdict = self.judge(token, &mut passed).await;
        let keys = self.issuers.iter().flat_map(|issuer| issuer.keys.describe()).collect();
        Trail { keys, passed, verdict }
    }

    async fn judge(&self, token: &str, passed: &mut Vec<Check>) -> Result<Claims, AuthError> {
        let token = CompactToken::parse(token, self.max_bytes)?;
        passed.push(Check::Form);
        let header = Header::parse(&decode(token.header).ok_or(Rejection::Malformed("header"))?)?;
        passed.push(Check::Header);
        let has_algorithm = |issuer: &&TrustedIssuer| issuer.keys.algorithms().contains(&header.alg.as_str());
        let mut issuers = self.issuers.iter().filter(has_algorithm).peekable();
        if issuers.peek().is_none() {
            let found = header.alg.chars().take(16).collect();
            return Err(Rejection::Algorithm { found, enabled: self.algorithms().join(", ") }.into());
        }
        passed.push(Check::Algorithm);
        for issuer in issuers {
            let fits = |key: &VerifyingKey| key.has_signed(&token);
            let Some(key) = issuer.keys.key(&header, &fits).await.map_err(AuthError::Unavailable)? else { continue };
            passed.push(Check::Key);
            if !key.has_signed(&token) {
                return Err(Rejection::Signature.into());
            }
            passed.push(Check::Signature);
            let claims = decode(token.claims).ok_or(Rejection::Malformed("claims"))?;
            return Ok(issuer.expected.check(&claims, self.clock.now(), passed)?);
        }
        Err(Rejection::NoKey.into())
    }

    /// The names of all algorithms that are enabled.
    fn algorithms(&self) -> Vec<&'static str> {
        self.issuers.iter().flat_map(|issuer| issuer.keys.algorithms()).copied().collect()
    }
}

#[async_trait]
impl AuthPort for JwtVerifier {
    async fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        self.judge(token, &mut Vec::new()).await
    }
}

/// The segments of a JWS in compact form (RFC 7515, section 7.1).
pub(super) struct CompactToken<'a> {
    pub(super) whole: &'a str,
    header: &'a str,
    claims: &'a str,
    pub(super) signature: &'a str,
    /// Header and claims: what the signature covers.
    pub(super) signed: &'a str,
}

impl<'a> CompactToken<'a> {
    fn parse(token: &'a str, max_bytes: usize) -> Result<Self, Rejection> {
        if token.len() > max_bytes {
            return Err(Rejection::TooLong { max_bytes });
        }
        let malformed = Rejection::Malformed("token: three segments are needed");
        let Some((signed, signature)) = token.rsplit_once('.') else { return Err(malformed) };
        match signed.split_once('.') {
            Some((header, claims)) if !claims.contains('.') => {
                Ok(Self { whole: token, header, claims, signature, signed })
            }
            _ => Err(malformed),
        }
    }
}

/// base64url without padding, blanks or stray bits (RFC 7515, section 2).
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}
