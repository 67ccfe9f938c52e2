//! The algorithms of published keys (RFC 7518, section 3.1), under the names they go by in `alg`.

use jsonwebtoken::Algorithm;

/// What can be verified with a published key. An Ed25519 signature has two names: RFC 8037's and RFC 9864's.
pub(super) const PUBLISHED: [&str; 5] = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"];

/// With what to verify, by one of the names above.
pub(super) fn published(name: &str) -> Option<Algorithm> {
    match name {
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}
