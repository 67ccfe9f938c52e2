//! Reports each step of a verification, to show the operator why a token is rejected.

use taskbridge_domain::ports::{AuthError, Claims};

/// A step of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationStep {
    /// The token has three segments and is not too long.
    Format,
    /// The header is well-formed.
    Header,
    /// The algorithm is enabled.
    Algorithm,
    /// A trusted key has the token's algorithm and `kid`.
    Key,
    /// The signature was made with that key.
    Signature,
    /// The claims have the right types.
    Claims,
    /// `exp` lies in the future.
    Expiry,
    /// `nbf` does not lie in the future.
    NotBefore,
    /// `iss` is accepted.
    Issuer,
    /// `aud` is accepted.
    Audience,
    /// `sub` is a user id.
    Subject,
}

impl VerificationStep {
    /// All steps, in order.
    pub const ALL: [Self; 11] = [
        Self::Format,
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

/// The verification of one token, step by step.
#[derive(Debug)]
pub struct VerificationReport {
    /// A description of each key that was trusted when the token was verified.
    pub keys: Vec<String>,
    /// The steps that the token passed: a prefix of [`VerificationStep::ALL`].
    pub passed: Vec<VerificationStep>,
    /// The claims, or the error from the first step that failed.
    pub result: Result<Claims, AuthError>,
}
