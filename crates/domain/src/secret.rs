//! The secret shared with Better Auth.

use thiserror::Error;

/// Words that only stand in secrets copied from documentation, compared without case.
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

/// Why a text must not be used as the secret. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecret {
    /// Fewer than [`SharedSecret::MIN_CHARS`].
    #[error("must have at least {} characters", SharedSecret::MIN_CHARS)]
    TooShort,
    /// White space at an end: the line break of the file it was read from is not part of it on the other side.
    #[error("must not begin or end with white space, such as the line break of a file")]
    Blank,
    /// A known example, or one character over and over: everybody can guess it.
    #[error("is a known example; make a random one")]
    KnownExample,
}

/// `BETTER_AUTH_SECRET`: signs cookies and HS256 tokens, here and in Better Auth. Its UTF-8 bytes are the key.
#[derive(Clone)]
pub struct SharedSecret(String);
crate::redacted::redacted!(SharedSecret);

impl SharedSecret {
    /// The shortest secret accepted, in characters (RFC 7518, section 3.2: a key as long as the hash).
    pub const MIN_CHARS: usize = 32;

    /// # Errors
    /// [`InvalidSecret`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let lower = text.to_lowercase();
        let first = text.chars().next();
        if text.trim() != text {
            Err(InvalidSecret::Blank)
        } else if text.chars().count() < Self::MIN_CHARS {
            Err(InvalidSecret::TooShort)
        } else if PLACEHOLDERS.iter().any(|word| lower.contains(word)) || text.chars().all(|c| Some(c) == first) {
            Err(InvalidSecret::KnownExample)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// One that is not in use any more: it was accepted under whatever rules there were.
    #[must_use]
    pub fn retired(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The key.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_known_and_monotonous_secrets_are_refused() {
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

    /// C257: the other side may have trimmed it, and then nothing that one signs would be good for the other.
    #[test]
    fn white_space_around_it_is_refused() {
        let secret = "vectors-secret-not-for-production-0123456789abcdef";
        for text in [format!("{secret}\n"), format!("{secret}\r\n"), format!("{secret} "), format!(" {secret}")] {
            assert_eq!(SharedSecret::parse(&text).unwrap_err(), InvalidSecret::Blank, "{text:?}");
        }
        assert!(SharedSecret::parse(&secret.replace('-', " ")).is_ok());
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = SharedSecret::parse("vectors-secret-not-for-production-0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret(…)");
    }
}
