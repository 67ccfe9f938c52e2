//! Signature algorithms and their names in `alg` (RFC 7518, section 3.1).

use jsonwebtoken::Algorithm;

/// The names of the algorithms that published public keys can have. `EdDSA` (RFC 8037) and `Ed25519` (RFC 9864) name
/// the same algorithm.
pub(in crate::jwt) const PUBLISHED_ALGORITHMS: [&str; 5] = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"];

/// Parses one of the names in [`PUBLISHED_ALGORITHMS`]. Returns `None` for any other name.
pub(in crate::jwt) fn published_algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        _ => None,
    }
}

/// An algorithm with which Taskbridge signs tokens, if it signs with a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// Ed25519 (RFC 8037): Better Auth's default.
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
}

impl SigningAlgorithm {
    /// Returns the algorithm's name in the member `alg` of a token's header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    /// Returns the name of the algorithm's curve in the member `crv` of a JSON Web Key.
    pub(in crate::jwt) fn curve(self) -> &'static str {
        match self {
            Self::EdDsa => "Ed25519",
            Self::Es256 => "P-256",
        }
    }

    /// Returns the algorithm as a value of the crate `jsonwebtoken`.
    pub(in crate::jwt) fn jws(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }
}
