//! Passwords, before and after hashing.

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// A password as somebody typed it, in Unicode's NFKC form: the same text however the keyboard composed it.
///
/// It may break every rule of [`NewPassword`]: at sign-in it is only compared.
#[derive(Clone)]
pub struct Password(String);
crate::redacted!(Password);

impl Password {
    /// The longest text that is looked at, in UTF-16 code units: no password of any hasher is longer.
    pub const MAX_UNITS: usize = 128;

    /// Takes over what was typed.
    ///
    /// # Errors
    /// [`InvalidPassword::TooLong`] beyond [`Self::MAX_UNITS`].
    pub fn parse(typed: &str) -> Result<Self, InvalidPassword> {
        if typed.encode_utf16().count() > Self::MAX_UNITS {
            return Err(InvalidPassword::TooLong);
        }
        Ok(Self(typed.nfkc().collect()))
    }

    /// The text to hash or compare.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// How a password is stored. Each form takes in passwords of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// bcrypt's `$2b$…`: at most [`NewPassword::MAX_BYTES`], and no NUL.
    Bcrypt,
    /// Better Auth's form of scrypt: whatever is a [`Password`] and does not end in a NUL.
    Scrypt,
}

impl HashAlgorithm {
    /// # Errors
    /// [`InvalidPassword::TooLong`] or [`InvalidPassword::Nul`] where this form would not tell `password` from others.
    fn check(self, password: &Password) -> Result<(), InvalidPassword> {
        match self {
            Self::Bcrypt if password.0.contains('\0') => Err(InvalidPassword::Nul),
            Self::Bcrypt if password.0.len() > NewPassword::MAX_BYTES => Err(InvalidPassword::TooLong),
            // HMAC, below scrypt, fills up its key with NULs (RFC 2104, section 2).
            Self::Scrypt if password.0.ends_with('\0') => Err(InvalidPassword::Nul),
            Self::Bcrypt | Self::Scrypt => Ok(()),
        }
    }

    /// Whether a hash of this form can be that of `password`.
    #[must_use]
    pub fn supports(self, password: &Password) -> bool {
        self.check(password).is_ok()
    }
}

/// Why a password cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// Fewer than [`NewPassword::MIN_UNITS`].
    #[error("password too short")]
    TooShort,
    /// More than [`Password::MAX_UNITS`]; for bcrypt, which would ignore the rest, than [`NewPassword::MAX_BYTES`].
    #[error("password too long")]
    TooLong,
    /// A NUL: bcrypt repeats its key at one, scrypt ignores those at the end, so that other passwords would match too.
    #[error("password must not contain a NUL character")]
    Nul,
}

/// A password that may be set.
#[derive(Debug, Clone)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The shortest password, in UTF-16 code units of what was typed (what JavaScript calls its length).
    pub const MIN_UNITS: usize = 8;
    /// The longest password for bcrypt, in UTF-8 bytes of the NFKC form: what it takes in.
    pub const MAX_BYTES: usize = 72;

    /// Takes over what was typed, to be stored in this form.
    ///
    /// # Errors
    /// [`InvalidPassword`] names the rule that is broken.
    pub fn parse(typed: &str, form: HashAlgorithm) -> Result<Self, InvalidPassword> {
        let password = Self::from_existing(Password::parse(typed)?, form)?;
        if typed.encode_utf16().count() < Self::MIN_UNITS { Err(InvalidPassword::TooShort) } else { Ok(password) }
    }

    /// Takes over a password that was set before, under whatever rules, to be stored in this form.
    ///
    /// # Errors
    /// [`InvalidPassword`] when this form does not take it in.
    pub fn from_existing(password: Password, form: HashAlgorithm) -> Result<Self, InvalidPassword> {
        form.check(&password)?;
        Ok(Self(password))
    }

    /// The password as any other.
    #[must_use]
    pub fn password(&self) -> &Password {
        &self.0
    }
}

crate::secret_text! {
    /// The stored form of a password, as the hasher that wrote it spells it. Not a password, still not for a log.
    PasswordHash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_utf16_units_at_the_lower_end() {
        for form in [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt] {
            assert_eq!(NewPassword::parse("1234567", form).unwrap_err(), InvalidPassword::TooShort);
            assert!(NewPassword::parse("12345678", form).is_ok());
            assert!(NewPassword::parse("🔑🔑🔑🔑", form).is_ok());
        }
    }

    #[test]
    fn bcrypt_takes_in_72_bytes_without_a_nul() {
        let parse = |typed: &str| NewPassword::parse(typed, HashAlgorithm::Bcrypt).map(drop);
        assert_eq!(parse(&"x".repeat(72)), Ok(()));
        assert_eq!(parse(&"x".repeat(73)), Err(InvalidPassword::TooLong));
        assert_eq!(parse(&"é".repeat(36)), Ok(()));
        assert_eq!(parse(&"é".repeat(37)), Err(InvalidPassword::TooLong));
        assert_eq!(parse("12345678\0"), Err(InvalidPassword::Nul));
    }

    #[test]
    fn scrypt_takes_in_128_utf16_units() {
        let parse = |typed: &str| NewPassword::parse(typed, HashAlgorithm::Scrypt).map(drop);
        assert_eq!(parse(&"🔑".repeat(64)), Ok(()));
        assert_eq!(parse(&"x".repeat(129)), Err(InvalidPassword::TooLong));
        assert_eq!(parse("1234\u{0}5678"), Ok(()));
        assert_eq!(parse("12345678\0"), Err(InvalidPassword::Nul));
    }

    #[test]
    fn what_was_set_before_need_not_be_long() {
        let old = |text: &str, form| NewPassword::from_existing(Password::parse(text).unwrap(), form).map(drop);
        assert_eq!(old("short", HashAlgorithm::Bcrypt), Ok(()));
        assert_eq!(old(&"x".repeat(73), HashAlgorithm::Bcrypt), Err(InvalidPassword::TooLong));
        assert_eq!(old(&"x".repeat(73), HashAlgorithm::Scrypt), Ok(()));
    }

    #[test]
    fn compositions_of_the_same_text_are_the_same_password() {
        let (composed, typed) =
            (Password::parse("café-first").unwrap(), Password::parse("cafe\u{301}-\u{fb01}rst").unwrap());
        assert_eq!(composed.expose(), typed.expose());
    }

    #[test]
    fn debug_shows_nothing() {
        let shown = format!(
            "{:?} {:?}",
            NewPassword::parse("hunter2hunter2", HashAlgorithm::Bcrypt).unwrap(),
            PasswordHash::new("$2b$".into())
        );
        assert_eq!(shown, "NewPassword(Password(…)) PasswordHash(…)");
    }
}
