//! The secret shared with Better Auth.

use thiserror::Error;

/// Texts, in lower case, that occur only in example secrets from documentation. A secret that contains one is rejected.
const PLACEHOLDERS: [&str; 12] = [
    "better-auth-secret-123456789",
    "your-secret",
    "your_secret",
    "your-super-secret",
    "your_super_secret",
    "your-better-auth-secret",
    "changeme",
    "change-me",
    "change_me",
    "change-this",
    "change_this",
    "secret-key-here",
];

/// Errors from parsing a secret. Their messages never contain the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    /// The secret has fewer than [`SharedSecret::MIN_CHARS`] characters.
    #[error("must have at least {} characters", SharedSecret::MIN_CHARS)]
    TooShort,
    /// The secret begins or ends with white space, such as the line break of the file it was read from. Better Auth may
    /// use the secret without the white space, and would then reject what Taskbridge signs.
    #[error("must not begin or end with white space, such as the line break of a file")]
    SurroundingWhitespace,
    /// The secret contains a known example or repeats a single character, so an attacker could guess it.
    #[error("is a known example; make a random one")]
    KnownExample,
}

/// `BETTER_AUTH_SECRET`, with which both Taskbridge and Better Auth sign cookies and HS256 tokens. The key is the
/// secret's text in UTF-8.
#[derive(Clone)]
pub struct SharedSecret(String);
crate::redacted!(SharedSecret);

impl SharedSecret {
    /// Minimum length of a secret in characters. RFC 7518, section 3.2, requires a key at least as long as the hash (32
    /// bytes).
    pub const MIN_CHARS: usize = 32;

    /// Parses the current secret, which signs and encrypts new values.
    ///
    /// # Errors
    /// [`InvalidSecret`] if the secret is too short, is surrounded by white space, or can be guessed.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let lower = text.to_lowercase();
        let first = text.chars().next();
        if text.trim() != text {
            Err(InvalidSecret::SurroundingWhitespace)
        } else if text.chars().count() < Self::MIN_CHARS {
            Err(InvalidSecret::TooShort)
        } else if PLACEHOLDERS.iter().any(|word| lower.contains(word)) || text.chars().all(|c| Some(c) == first) {
            Err(InvalidSecret::KnownExample)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Wraps an older secret without checks. It is used only to decrypt keys that are already stored, never to sign.
    #[must_use]
    pub fn unchecked(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text of the secret in UTF-8, which is used as the key.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_guessable_secrets_are_rejected() {
        assert!(SharedSecret::parse("vectors-secret-not-for-production-0123456789abcdef").is_ok());
        assert!(SharedSecret::parse("ünïcödé-sécret-🔑-not-for-production-0123456789").is_ok());
        assert_eq!(SharedSecret::parse(&"é1".repeat(15)).unwrap_err(), InvalidSecret::TooShort);
        assert_eq!(SharedSecret::parse("").unwrap_err(), InvalidSecret::TooShort);
        for known in [
            "better-auth-secret-12345678901234567890",
            "your-secret-key-min-32-characters-long",
            "YOUR_SUPER_SECRET_JWT_KEY_0123456789",
            "please-change-me-in-production-0123456789",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ] {
            assert_eq!(SharedSecret::parse(known).unwrap_err(), InvalidSecret::KnownExample, "{known}");
        }
    }

    #[test]
    fn surrounding_white_space_is_rejected() {
        let secret = "vectors-secret-not-for-production-0123456789abcdef";
        for text in [format!("{secret}\n"), format!("{secret}\r\n"), format!("{secret} "), format!(" {secret}")] {
            assert_eq!(SharedSecret::parse(&text).unwrap_err(), InvalidSecret::SurroundingWhitespace, "{text:?}");
        }
        assert!(SharedSecret::parse(&secret.replace('-', " ")).is_ok());
    }

    #[test]
    fn debug_does_not_show_the_secret() {
        let secret = SharedSecret::parse("vectors-secret-not-for-production-0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret(…)");
    }
}
