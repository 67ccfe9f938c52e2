//! Reasons for rejecting a token.

use taskbridge_domain::ports::AuthError;
use thiserror::Error;

use super::keys::algorithm::published_algorithm;

/// The reason for rejecting a token. It is logged, but never sent to the client.
///
/// It contains no part of the token except the name of the algorithm and, once the signature has been verified, a wrong
/// issuer or audience. These are escaped and truncated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The token is not three base64url segments, or a segment is not a JSON object with members of the right types.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The token exceeds the configured length.
    #[error("longer than {max_bytes} bytes (jwt.max_bytes)")]
    TooLong {
        /// The maximum length.
        max_bytes: usize,
    },
    /// The header has `crit`; no extension is supported (RFC 7515, section 4.1.11).
    #[error("has a crit header")]
    CriticalHeader,
    /// The token is the cookie in which Better Auth caches a session.
    #[error("is a session-cache cookie, not an API token")]
    SessionCache,
    /// No trusted issuer has keys of this algorithm.
    #[error("algorithm {found:?} is not enabled (enabled: {enabled}){}", remedy(.found))]
    Algorithm {
        /// The algorithm that the token names.
        found: String,
        /// The enabled algorithms.
        enabled: String,
    },
    /// No trusted issuer has a key with the token's algorithm and `kid`. For a token without a `kid`: no single key
    /// with its algorithm verifies it.
    #[error("no trusted key of its algorithm and kid")]
    NoKey,
    /// The signature is invalid.
    #[error("wrong signature")]
    Signature,
    /// A required claim is missing or empty.
    #[error("claim {0} is missing")]
    Missing(&'static str),
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` lies in the future.
    #[error("not yet valid")]
    NotYetValid,
    /// `iss` is not an accepted issuer.
    #[error("wrong issuer: iss is {found}, jwt.issuer accepts {accepted}")]
    Issuer {
        /// The issuer in the token.
        found: String,
        /// The accepted issuers.
        accepted: String,
    },
    /// `aud` contains no accepted audience.
    #[error("wrong audience: aud is {found}, jwt.audience accepts {accepted}")]
    Audience {
        /// The audiences in the token.
        found: String,
        /// The accepted audiences.
        accepted: String,
    },
}

impl From<Rejection> for AuthError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(Box::new(rejection))
    }
}

/// Formats `texts` for a message, escaped and truncated.
pub(super) fn quoted(texts: &[String]) -> String {
    let truncate = |text: &String| format!("{:?}", text.chars().take(200).collect::<String>());
    let quoted: Vec<_> = texts.iter().take(10).map(truncate).collect();
    if quoted.is_empty() { "an empty list".into() } else { quoted.join(", ") }
}

/// Returns what to change so that tokens of a disabled algorithm are accepted.
fn remedy(algorithm: &str) -> &'static str {
    match algorithm {
        "HS256" => "; set BETTER_AUTH_SECRET in bridge mode, or jwt.accept_hs256 in server mode, to accept it",
        "ES512" => "; choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig } })",
        other if published_algorithm(other).is_some() => {
            "; remove JWKS_URL=off to accept the keys that Better Auth publishes"
        }
        _ => "",
    }
}
