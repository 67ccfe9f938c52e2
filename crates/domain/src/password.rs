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

/// Why a password cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidPassword {
    /// Fewer than [`NewPassword::MIN_UNITS`].
    #[error("password too short")]
    TooShort,
    /// More than [`NewPassword::MAX_BYTES`]: bcrypt would ignore the rest.
    #[error("password too long")]
    TooLong,
    /// A NUL: bcrypt repeats its key at one, so that other passwords would match too.
    #[error("password must not contain a NUL character")]
    Nul,
}

/// A password that may be set.
#[derive(Debug, Clone)]
pub struct NewPassword(Password);

impl NewPassword {
    /// The shortest password, in UTF-16 code units of what was typed (what JavaScript calls its length).
    pub const MIN_UNITS: usize = 8;
    /// The longest password, in UTF-8 bytes of the NFKC form: what bcrypt takes in.
    pub const MAX_BYTES: usize = 72;

    /// # Errors
    /// [`InvalidPassword`] names the rule that is broken.
    pub fn parse(typed: &str) -> Result<Self, InvalidPassword> {
        let password = Password::parse(typed)?;
        if password.0.contains('\0') {
            Err(InvalidPassword::Nul)
        } else if typed.encode_utf16().count() < Self::MIN_UNITS {
            Err(InvalidPassword::TooShort)
        } else if password.0.len() > Self::MAX_BYTES {
            Err(InvalidPassword::TooLong)
        } else {
            Ok(Self(password))
        }
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
    fn length_is_counted_in_utf16_units_at_the_lower_end_and_in_bytes_at_the_upper() {
        assert_eq!(NewPassword::parse("1234567").unwrap_err(), InvalidPassword::TooShort);
        assert!(NewPassword::parse("12345678").is_ok());
        assert!(NewPassword::parse("🔑🔑🔑🔑").is_ok());
        assert!(NewPassword::parse(&"x".repeat(72)).is_ok());
        assert_eq!(NewPassword::parse(&"x".repeat(73)).unwrap_err(), InvalidPassword::TooLong);
        assert!(NewPassword::parse(&"é".repeat(36)).is_ok());
        assert_eq!(NewPassword::parse(&"é".repeat(37)).unwrap_err(), InvalidPassword::TooLong);
        assert!(Password::parse(&"🔑".repeat(64)).is_ok());
        assert_eq!(Password::parse(&"x".repeat(129)).unwrap_err(), InvalidPassword::TooLong);
        assert_eq!(NewPassword::parse("12345678\0").unwrap_err(), InvalidPassword::Nul);
    }

    #[test]
    fn compositions_of_the_same_text_are_the_same_password() {
        let (composed, typed) =
            (Password::parse("café-first").unwrap(), Password::parse("cafe\u{301}-\u{fb01}rst").unwrap());
        assert_eq!(composed.expose(), typed.expose());
    }

    #[test]
    fn debug_shows_nothing() {
        let shown =
            format!("{:?} {:?}", NewPassword::parse("hunter2hunter2").unwrap(), PasswordHash::new("$2b$".into()));
        assert_eq!(shown, "NewPassword(Password(…)) PasswordHash(…)");
    }
}
