//! Email addresses.

use thiserror::Error;

use crate::redacted;

/// The error from parsing an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an email address")]
pub struct InvalidEmail;

/// An email address in lower case. `Debug` does not show it, to keep addresses out of logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);
redacted!(Email);

impl Email {
    /// Maximum length of an address in bytes: the 256 of RFC 5321, section 4.5.3.1.3, minus the two angle brackets.
    pub const MAX_BYTES: usize = 254;

    /// Parses an address by the syntax that Better Auth accepts, and converts it to lower case.
    ///
    /// The address is ASCII. The local part consists of letters, digits and `_ ' + -`, with single dots between them,
    /// and does not end in `'`. The domain consists of labels of letters, digits and hyphens. No label starts with a
    /// hyphen, and the last label consists of two or more letters.
    ///
    /// # Errors
    /// Returns [`InvalidEmail`] if the text has another form or more than [`Self::MAX_BYTES`] bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let valid = text.len() <= Self::MAX_BYTES && is_local_part(local) && is_domain(domain);
        if valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// Wraps a stored address without checks: another program may have stored one that [`parse`](Self::parse) rejects.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns `true` if a stored address has capital letters. Its user cannot sign in with it, because the address of a
    /// sign-in is converted to lower case.
    #[must_use]
    pub fn has_capital_letters(&self) -> bool {
        self.0.bytes().any(|byte| byte.is_ascii_uppercase())
    }

    /// Returns the address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local_part(local: &str) -> bool {
    let character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '\'' | '+' | '-');
    local.split('.').all(|run| !run.is_empty() && run.chars().all(character)) && !local.ends_with('\'')
}

fn is_domain(domain: &str) -> bool {
    let Some((labels, last)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    labels.split('.').all(is_label) && last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_is_lower_cased_bounded_and_never_shown_by_debug() {
        let email = Email::parse("Ann@Example.TEST").unwrap();
        assert_eq!(email.as_str(), "ann@example.test");
        assert_eq!(format!("{email:?}"), "Email(…)");

        assert!(!email.has_capital_letters());
        assert!(Email::from_stored("ann@Example.test".into()).has_capital_letters());

        let of_length = |bytes: usize| format!("{}@example.test", "a".repeat(bytes - "@example.test".len()));
        assert!(Email::parse(&of_length(254)).is_ok());
        assert_eq!(Email::parse(&of_length(255)), Err(InvalidEmail));
    }
}
