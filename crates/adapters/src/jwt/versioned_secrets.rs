//! The secrets of `BETTER_AUTH_SECRETS`, each with its version.

use taskbridge_domain::secret::{InvalidSecret, SharedSecret};
use thiserror::Error;

/// The secret in use, and those that were in use before it, which only open what they have sealed.
#[derive(Debug, Clone)]
pub struct VersionedSecrets {
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

impl VersionedSecrets {
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
    fn the_first_of_several_secrets_is_in_use_and_the_others_are_found_by_version() {
        let (newer, older) = ("newer-secret-0123456789-abcdefghijklmnop", "short");
        let unnumbered = SharedSecret::retired("first");
        let secrets = VersionedSecrets::parse(&format!("12:{newer} , 3:{older}"), Some(unnumbered)).unwrap();
        let found = |version| secrets.find(version).map(SharedSecret::expose);
        assert_eq!((secrets.current().expose(), secrets.version()), (newer.as_bytes(), Some(12)));
        assert_eq!(
            [found(Some(12)), found(Some(3)), found(Some(1)), found(None)],
            [Some(newer.as_bytes()), Some(older.as_bytes()), None, Some(&b"first"[..]),]
        );
        let one = VersionedSecrets::one(SharedSecret::parse(newer).unwrap());
        assert_eq!((one.version(), one.find(None).map(SharedSecret::expose)), (None, Some(newer.as_bytes())));
        assert!(one.find(Some(1)).is_none());
    }

    #[test]
    fn a_list_of_secrets_is_versions_and_secrets() {
        let good = "good-secret-0123456789-abcdefghijklmnopq";
        for wrong in ["", good, "1:", ":secret", "-1:secret", "x:secret", &format!("1:{good},"), &format!("1:{good},2")]
        {
            assert_eq!(VersionedSecrets::parse(wrong, None).unwrap_err(), InvalidSecrets::Form, "{wrong:?}");
        }
        assert_eq!(VersionedSecrets::parse(&format!("1:{good},1:other"), None).unwrap_err(), InvalidSecrets::Twice(1));
        let short = VersionedSecrets::parse(&format!("2:short,1:{good}"), None).unwrap_err();
        assert_eq!(short, InvalidSecrets::Current(InvalidSecret::TooShort));
    }
}
