//! Reasons for rejecting a token.

use taskbridge_domain::ports::{AuthError, RejectionKind};
use thiserror::Error;

use super::keys::algorithm::published_algorithm;

/// The reason for rejecting a token. It is logged, but never sent to the client.
///
/// It contains no part of the token except the name of the algorithm or, if the signature is valid, a wrong issuer or
/// audience. These texts are escaped and truncated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The token is not three base64url segments, or a segment is not a JSON object with members of the right types.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The token is longer than the configured maximum.
    #[error("longer than {max_bytes} bytes (jwt.max_bytes)")]
    TooLong {
        /// The configured maximum length of a token, in bytes.
        max_bytes: usize,
    },
    /// The header has the member `crit`, which requires support for extensions (RFC 7515, section 4.1.11). Taskbridge
    /// supports none.
    #[error("has a crit header")]
    CriticalHeader,
    /// The token is not an access token, but the cookie in which Better Auth caches a session.
    #[error("is a session-cache cookie, not an API token")]
    SessionCache,
    /// No trusted issuer can have keys of the token's algorithm.
    #[error("algorithm {found:?} is not enabled (enabled: {enabled}){}", remedy(.found))]
    Algorithm {
        /// The algorithm that the token names.
        found: String,
        /// The algorithms of the keys of all trusted issuers, for the message.
        enabled: String,
    },
    /// No trusted issuer has a key with the token's algorithm and `kid`. For a token without a `kid`: no single key
    /// with its algorithm verifies it.
    #[error("no trusted key of its algorithm and kid")]
    NoKey,
    /// The signature does not match the token and the key that was found for it.
    #[error("wrong signature")]
    Signature,
    /// A required claim is missing or empty.
    #[error("claim {0} is missing")]
    Missing(&'static str),
    /// The time in the claim `exp` has passed.
    #[error("expired")]
    Expired,
    /// The time in the claim `nbf` lies in the future.
    #[error("not yet valid")]
    NotYetValid,
    /// The claim `iss` is not an accepted issuer.
    #[error("wrong issuer: iss is {found}, jwt.issuer accepts {accepted}")]
    Issuer {
        /// The issuer in the token, quoted for the message.
        found: String,
        /// The accepted issuers, quoted for the message.
        accepted: String,
    },
    /// The claim `aud` contains no accepted audience.
    #[error("wrong audience: aud is {found}, jwt.audience accepts {accepted}")]
    Audience {
        /// The audiences in the token, quoted for the message.
        found: String,
        /// The accepted audiences, quoted for the message.
        accepted: String,
    },
}

impl Rejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::Malformed(_) => RejectionKind::Malformed,
            Self::TooLong { .. } => RejectionKind::TooLong,
            Self::CriticalHeader => RejectionKind::UnsupportedExtension,
            Self::SessionCache => RejectionKind::NotAnAccessToken,
            Self::Algorithm { .. } => RejectionKind::AlgorithmNotEnabled,
            Self::NoKey => RejectionKind::UnknownKey,
            Self::Signature => RejectionKind::WrongSignature,
            Self::Missing(_) => RejectionKind::MissingClaim,
            Self::Expired => RejectionKind::Expired,
            Self::NotYetValid => RejectionKind::NotYetValid,
            Self::Issuer { .. } => RejectionKind::WrongIssuer,
            Self::Audience { .. } => RejectionKind::WrongAudience,
        }
    }
}

impl From<Rejection> for AuthError {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection.kind(), Box::new(rejection))
    }
}

/// Formats `texts` as a list for a message. Shows at most 10 texts, each in quotation marks, escaped, and cut after 200
/// characters.
pub(super) fn quoted(texts: &[String]) -> String {
    let truncate = |text: &String| format!("{:?}", text.chars().take(200).collect::<String>());
    let quoted: Vec<_> = texts.iter().take(10).map(truncate).collect();
    if quoted.is_empty() { "an empty list".into() } else { quoted.join(", ") }
}

/// Returns the end of the message about a disabled algorithm: what to change so that its tokens are accepted.
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
