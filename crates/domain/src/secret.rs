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
crate::redacted!(SharedSecret);

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

/// The secret in use, and those that were in use before it, which only open what they have sealed.
#[derive(Debug, Clone)]
pub struct Secrets {
    current: SharedSecret,
    version: Option<u64>,
    /// By version, the current one among them.
    versions: Vec<(u64, SharedSecret)>,
    /// What has sealed whatever names no version.
    unnumbered: Option<SharedSecret>,
}

/// Why a text is no list of secrets. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecrets {
    /// An entry is not `<version>:<secret>`.
    #[error("must be versions and secrets, <version>:<secret>, with commas between them, the current one first")]
    Form,
    /// Two entries have the same version.
    #[error("has version {0} twice")]
    Twice(u64),
    /// The current one cannot be used.
    #[error("the current secret {0}")]
    Current(#[from] InvalidSecret),
}

impl Secrets {
    /// One that was never changed.
    #[must_use]
    pub fn one(secret: SharedSecret) -> Self {
        Self { current: secret.clone(), version: None, versions: Vec::new(), unnumbered: Some(secret) }
    }

    /// `2:newer,1:older`, as in `BETTER_AUTH_SECRETS`: the first is the current one. `unnumbered` is the secret from before
    /// there were versions.
    ///
    /// # Errors
    /// [`InvalidSecrets`] names the rule that is broken.
    pub fn parse(list: &str, unnumbered: Option<SharedSecret>) -> Result<Self, InvalidSecrets> {
        let mut versions: Vec<(u64, SharedSecret)> = Vec::new();
        for entry in list.split(',') {
            let (version, text) = entry.split_once(':').ok_or(InvalidSecrets::Form)?;
            let version = version.trim().parse().map_err(|_not_shown| InvalidSecrets::Form)?;
            let text = text.trim();
            if text.is_empty() {
                return Err(InvalidSecrets::Form);
            }
            if versions.iter().any(|(other, _)| *other == version) {
                return Err(InvalidSecrets::Twice(version));
            }
            let secret = if versions.is_empty() { SharedSecret::parse(text)? } else { SharedSecret::retired(text) };
            versions.push((version, secret));
        }
        let (version, current) = versions.first().cloned().ok_or(InvalidSecrets::Form)?;
        Ok(Self { current, version: Some(version), versions, unnumbered })
    }

    /// The one that signs, verifies and seals.
    #[must_use]
    pub fn current(&self) -> &SharedSecret {
        &self.current
    }

    /// Its version, if it has one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// The one that has sealed what names this version, or none.
    #[must_use]
    pub fn find(&self, version: Option<u64>) -> Option<&SharedSecret> {
        match version {
            None => self.unnumbered.as_ref(),
            Some(version) => self.versions.iter().find(|(other, _)| *other == version).map(|(_, secret)| secret),
        }
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
    fn the_first_of_several_secrets_is_in_use_and_the_others_are_found_by_version() {
        let (newer, older) = ("newer-secret-0123456789-abcdefghijklmnop", "short");
        let unnumbered = SharedSecret::retired("first");
        let secrets = Secrets::parse(&format!("12:{newer} , 3:{older}"), Some(unnumbered)).unwrap();
        let found = |version| secrets.find(version).map(SharedSecret::expose);
        assert_eq!((secrets.current().expose(), secrets.version()), (newer.as_bytes(), Some(12)));
        assert_eq!(
            [found(Some(12)), found(Some(3)), found(Some(1)), found(None)],
            [Some(newer.as_bytes()), Some(older.as_bytes()), None, Some(&b"first"[..]),]
        );
        let one = Secrets::one(SharedSecret::parse(newer).unwrap());
        assert_eq!((one.version(), one.find(None).map(SharedSecret::expose)), (None, Some(newer.as_bytes())));
        assert!(one.find(Some(1)).is_none());
    }

    #[test]
    fn a_list_of_secrets_is_versions_and_secrets() {
        let good = "good-secret-0123456789-abcdefghijklmnopq";
        for wrong in ["", good, "1:", ":secret", "-1:secret", "x:secret", &format!("1:{good},"), &format!("1:{good},2")]
        {
            assert_eq!(Secrets::parse(wrong, None).unwrap_err(), InvalidSecrets::Form, "{wrong:?}");
        }
        assert_eq!(Secrets::parse(&format!("1:{good},1:other"), None).unwrap_err(), InvalidSecrets::Twice(1));
        let short = Secrets::parse(&format!("2:short,1:{good}"), None).unwrap_err();
        assert_eq!(short, InvalidSecrets::Current(InvalidSecret::TooShort));
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = SharedSecret::parse("vectors-secret-not-for-production-0123456789abcdef").unwrap();
        assert_eq!(format!("{secret:?}"), "SharedSecret(…)");
    }
}
