//! Passwords, before and after hashing.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::{redacted, secret_text};

/// A password in the Unicode normalization form NFKC. The same letters are the same password, however a keyboard
/// composes them.
///
/// It may break the rules of [`NewPassword`], because at sign-in it is only compared with the stored hash.
#[derive(Clone)]
pub struct Password(String);
redacted!(Password);

impl Password {
    /// Maximum length before normalization, in UTF-16 code units. No user has a longer password.
    pub const MAX_UNITS: usize = 128;

    /// Normalizes the text that the user has typed.
    ///
    /// # Errors
    /// Returns [`InvalidPassword::TooLong`] if the text is longer than [`Self::MAX_UNITS`] UTF-16 code units.
    pub fn parse(typed: &str) -> Result<Self, InvalidPassword> {
        if typed.encode_utf16().count() > Self::MAX_UNITS {
            return Err(InvalidPassword::TooLong);
        }
        Ok(Self(typed.nfkc().collect()))
    }

    /// Returns the text to hash or compare.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The algorithm of a password hash. Each algorithm supports a different set of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// bcrypt (`$2b$…`): passwords of at most [`NewPassword::MAX_BYTES`] bytes, without NUL characters.
    Bcrypt,
    /// scrypt in Better Auth's format: every [`Password`] that does not end in a NUL character.
    Scrypt,
}

impl HashAlgorithm {
    /// Returns an error if other passwords would match a hash of `password` by this algorithm.
    fn check(self, password: &Password) -> Result<(), InvalidPassword> {
        match self {
            Self::Bcrypt if password.0.contains('\0') => Err(InvalidPassword::Nul),
            Self::Bcrypt if password.0.len() > NewPassword::MAX_BYTES => Err(InvalidPassword::TooLong),
            // scrypt uses the password as an HMAC key, which is padded with NULs (RFC 2104, section 2), so it ignores
            // NULs at the end of the password.
            Self::Scrypt if password.0.ends_with('\0') => Err(InvalidPassword::Nul),
            Self::Bcrypt | Self::Scrypt => Ok(()),
        }
    }

    /// Returns `true` if this algorithm supports `password`, so that no other password has the same hash.
    #[must_use]
    pub fn supports(self, password: &Password) -> bool {
        self.check(password).is_ok()
    }
}

/// Errors from parsing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// The password is shorter than [`NewPassword::MIN_UNITS`] UTF-16 code units.
    #[error("password too short")]
    TooShort,
    /// The password is longer than [`Password::MAX_UNITS`] UTF-16 code units or, if bcrypt is to hash it, longer than
    /// [`NewPassword::MAX_BYTES`] bytes, because bcrypt ignores all further bytes.
    #[error("password too long")]
    TooLong,
    /// The password contains a NUL character, so that other passwords would match its hash: bcrypt repeats its key
    /// after a NUL, and scrypt ignores NULs at the end.
    #[error("password must not contain a NUL character")]
    Nul,
}

/// A password that the hash algorithm supports, so that it can be hashed and stored.
#[derive(Debug, Clone)]
pub struct NewPassword(Password);

impl NewPassword {
    /// Minimum length before normalization, in UTF-16 code units (the `length` of JavaScript).
    pub const MIN_UNITS: usize = 8;
    /// Maximum length for bcrypt, in UTF-8 bytes after normalization.
    pub const MAX_BYTES: usize = 72;

    /// Parses the text that the user has typed. It must be a password that `algorithm` supports.
    ///
    /// # Errors
    /// Returns an [`InvalidPassword`] that says which rule the text breaks.
    pub fn parse(typed: &str, algorithm: HashAlgorithm) -> Result<Self, InvalidPassword> {
        let password = Self::from_existing(Password::parse(typed)?, algorithm)?;
        if typed.encode_utf16().count() < Self::MIN_UNITS { Err(InvalidPassword::TooShort) } else { Ok(password) }
    }

    /// Wraps a password that the user already has, so that `algorithm` can hash it again. It may be shorter than
    /// [`Self::MIN_UNITS`].
    ///
    /// # Errors
    /// Returns [`InvalidPassword`] if `algorithm` does not support the password.
    pub fn from_existing(password: Password, algorithm: HashAlgorithm) -> Result<Self, InvalidPassword> {
        algorithm.check(&password)?;
        Ok(Self(password))
    }

    /// Returns the password.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.0
    }
}

secret_text! {
    /// The stored hash of a password, in the format of the hasher that computed it. `Debug` does not show it.
    PasswordHash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minimum_length_is_counted_in_utf16_units() {
        for form in [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt] {
            assert_eq!(NewPassword::parse("1234567", form).unwrap_err(), InvalidPassword::TooShort);
            assert!(NewPassword::parse("12345678", form).is_ok());
            assert!(NewPassword::parse("🔑🔑🔑🔑", form).is_ok());
        }
    }

    #[test]
    fn bcrypt_supports_72_bytes_without_a_nul() {
        let parse = |typed: &str| NewPassword::parse(typed, HashAlgorithm::Bcrypt).map(drop);
        assert_eq!(parse(&"x".repeat(72)), Ok(()));
        assert_eq!(parse(&"x".repeat(73)), Err(InvalidPassword::TooLong));
        assert_eq!(parse(&"é".repeat(36)), Ok(()));
        assert_eq!(parse(&"é".repeat(37)), Err(InvalidPassword::TooLong));
        assert_eq!(parse("12345678\0"), Err(InvalidPassword::Nul));
    }

    #[test]
    fn scrypt_supports_128_utf16_units() {
        let parse = |typed: &str| NewPassword::parse(typed, HashAlgorithm::Scrypt).map(drop);
        assert_eq!(parse(&"🔑".repeat(64)), Ok(()));
        assert_eq!(parse(&"x".repeat(129)), Err(InvalidPassword::TooLong));
        assert_eq!(parse("1234\u{0}5678"), Ok(()));
        assert_eq!(parse("12345678\0"), Err(InvalidPassword::Nul));
    }

    #[test]
    fn an_existing_password_may_be_short() {
        let old = |text: &str, form| NewPassword::from_existing(Password::parse(text).unwrap(), form).map(drop);
        assert_eq!(old("short", HashAlgorithm::Bcrypt), Ok(()));
        assert_eq!(old(&"x".repeat(73), HashAlgorithm::Bcrypt), Err(InvalidPassword::TooLong));
        assert_eq!(old(&"x".repeat(73), HashAlgorithm::Scrypt), Ok(()));
    }

    #[test]
    fn different_compositions_of_one_text_are_the_same_password() {
        let (composed, typed) =
            (Password::parse("café-first").unwrap(), Password::parse("cafe\u{301}-\u{fb01}rst").unwrap());
        assert_eq!(composed.expose(), typed.expose());
    }

    #[test]
    fn debug_shows_neither_a_password_nor_a_hash() {
        let shown = format!(
            "{:?} {:?}",
            NewPassword::parse("hunter2hunter2", HashAlgorithm::Bcrypt).unwrap(),
            PasswordHash::new("$2b$".into())
        );
        assert_eq!(shown, "NewPassword(Password(…)) PasswordHash(…)");
    }
}
