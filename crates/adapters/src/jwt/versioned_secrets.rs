//! The secrets in the environment variable `BETTER_AUTH_SECRETS`, each with its version.

use taskbridge_domain::secret::{InvalidSecret, SharedSecret};
use thiserror::Error;

/// The current shared secret and older ones, which only decrypt stored keys.
#[derive(Debug, Clone)]
pub struct VersionedSecrets {
    version: Option<u64>,
    current: SharedSecret,
    /// The older secrets with their versions. The version is `None` for the secret that was used before secrets had
    /// versions.
    older: Vec<(Option<u64>, SharedSecret)>,
}

/// Errors from parsing a list of secrets. Their messages never contain a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSecrets {
    /// An entry is not `<version>:<secret>`.
    #[error("must be a comma-separated list of <version>:<secret>, the current secret first")]
    Form,
    /// Two entries have the same version.
    #[error("has version {0} twice")]
    DuplicateVersion(u64),
    /// The current secret is invalid, for example too short.
    #[error("the current secret {0}")]
    Current(#[from] InvalidSecret),
}

impl VersionedSecrets {
    /// Creates a list that contains only `secret`, which has no version.
    #[must_use]
    pub fn single(secret: SharedSecret) -> Self {
        Self { version: None, current: secret, older: Vec::new() }
    }

    /// Parses a list such as `2:newer,1:older`, the form of `BETTER_AUTH_SECRETS`. The first secret is the current one;
    /// `unversioned` is the secret that was used before secrets had versions.
    ///
    /// # Errors
    /// [`InvalidSecrets`] if the list is malformed, names a version twice, or has an invalid current secret.
    pub fn parse(list: &str, unversioned: Option<SharedSecret>) -> Result<Self, InvalidSecrets> {
        let mut versions: Vec<(Option<u64>, SharedSecret)> = Vec::new();
        for entry in list.split(',') {
            let (version, text) = entry.split_once(':').ok_or(InvalidSecrets::Form)?;
            let version = version.trim().parse().map_err(|_secret| InvalidSecrets::Form)?;
            let text = text.trim();
            if text.is_empty() {
                return Err(InvalidSecrets::Form);
            }
            if versions.iter().any(|(other, _)| *other == Some(version)) {
                return Err(InvalidSecrets::DuplicateVersion(version));
            }
            let secret = if versions.is_empty() { SharedSecret::parse(text)? } else { SharedSecret::unchecked(text) };
            versions.push((Some(version), secret));
        }
        let mut secrets = versions.into_iter().chain(unversioned.map(|secret| (None, secret)));
        let (version, current) = secrets.next().ok_or(InvalidSecrets::Form)?;
        Ok(Self { version, current, older: secrets.collect() })
    }

    /// Returns the secret that signs, verifies and encrypts.
    #[must_use]
    pub fn current(&self) -> &SharedSecret {
        &self.current
    }

    /// Returns the version of the current secret, if it has one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.version
    }

    /// Returns the secret with the version `version`. If `version` is `None`, returns the secret that has no version.
    #[must_use]
    pub fn find(&self, version: Option<u64>) -> Option<&SharedSecret> {
        let older = || self.older.iter().find(|(other, _)| *other == version).map(|(_, secret)| secret);
        if version == self.version { Some(&self.current) } else { older() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_secret_is_current_and_the_others_are_found_by_version() {
        let (newer, older) = ("newer-secret-0123456789-abcdefghijklmnop", "short");
        let unversioned = SharedSecret::unchecked("first");
        let secrets = VersionedSecrets::parse(&format!("12:{newer} , 3:{older}"), Some(unversioned)).unwrap();
        let found = |version| secrets.find(version).map(SharedSecret::expose);
        assert_eq!((secrets.current().expose(), secrets.version()), (newer.as_bytes(), Some(12)));
        assert_eq!(
            [found(Some(12)), found(Some(3)), found(Some(1)), found(None)],
            [Some(newer.as_bytes()), Some(older.as_bytes()), None, Some(&b"first"[..]),]
        );
        let one = VersionedSecrets::single(SharedSecret::parse(newer).unwrap());
        assert_eq!((one.version(), one.find(None).map(SharedSecret::expose)), (None, Some(newer.as_bytes())));
        assert!(one.find(Some(1)).is_none());
    }

    #[test]
    fn each_entry_is_a_version_and_a_secret() {
        let good = "good-secret-0123456789-abcdefghijklmnopq";
        for wrong in ["", good, "1:", ":secret", "-1:secret", "x:secret", &format!("1:{good},"), &format!("1:{good},2")]
        {
            assert_eq!(VersionedSecrets::parse(wrong, None).unwrap_err(), InvalidSecrets::Form, "{wrong:?}");
        }
        assert_eq!(
            VersionedSecrets::parse(&format!("1:{good},1:other"), None).unwrap_err(),
            InvalidSecrets::DuplicateVersion(1)
        );
        let short = VersionedSecrets::parse(&format!("2:short,1:{good}"), None).unwrap_err();
        assert_eq!(short, InvalidSecrets::Current(InvalidSecret::TooShort));
    }
}
