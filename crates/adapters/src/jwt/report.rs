//! A report of each step of the verification of a token, to show the operator why the token is rejected.

use std::fmt;

use taskbridge_domain::ports::{AuthError, Claims};

/// A step in the verification of a token, described by what holds for a token that passes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationStep {
    /// The token has three segments and is not too long.
    Format,
    /// The header of the token is well-formed.
    Header,
    /// The token's algorithm is one that the keys of a trusted issuer can have.
    Algorithm,
    /// A trusted key has the token's algorithm and `kid`.
    Key,
    /// The signature of the token was made with the key that was found.
    Signature,
    /// The claims are a JSON object whose members have the right types.
    Claims,
    /// The time in the claim `exp` lies in the future.
    Expiry,
    /// The claim `nbf` is absent, or its time does not lie in the future.
    NotBefore,
    /// The claim `iss` is an accepted issuer, or is absent and not required.
    Issuer,
    /// The claim `aud` contains an accepted audience, or is absent and not required.
    Audience,
    /// The claim `sub` is a user id.
    Subject,
}

impl VerificationStep {
    /// All steps, in the order in which they are carried out.
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
    pub keys: Vec<KeyDescription>,
    /// The steps that the token passed: a prefix of [`VerificationStep::ALL`].
    pub passed: Vec<VerificationStep>,
    /// The claims, or the error from the first step that failed.
    pub result: Result<Claims, AuthError>,
}

/// A key that a source has, or the reason why it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyDescription {
    /// A key.
    Key {
        /// The id of the key, if it has one.
        kid: Option<String>,
        /// The algorithm, the id and the origin of the key.
        text: String,
    },
    /// The source has no key. The text follows the words `no key`.
    NoKey(String),
}

impl KeyDescription {
    /// Returns the id of the key, if there is a key and it has an id.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        match self {
            Self::Key { kid, .. } => kid.as_deref(),
            Self::NoKey(_) => None,
        }
    }

    /// Adds the place where the key was found.
    pub(super) fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Key { kid, text } => Self::Key { kid, text: format!("{text}, from {place}") },
            no_key @ Self::NoKey(_) => no_key,
        }
    }
}

impl fmt::Display for KeyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { text, .. } => f.write_str(text),
            Self::NoKey(why) => write!(f, "no key {why}"),
        }
    }
}
