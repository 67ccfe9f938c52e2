//! Users and the values they are known by.

use std::fmt;

use thiserror::Error;

use crate::random_id::RandomId;
use crate::time::Timestamp;

/// The opaque id of a user: the `sub` of a token, `{user_id}` of a path, the owner of a task.
///
/// Any non-empty text without NUL, compared byte for byte. When we make one it has 32 letters and digits;
/// other issuers use UUIDs or numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// `None` when the text is empty or holds a NUL, which no database of ours can keep in a text.
    #[must_use]
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty() && !text.contains('\0')).then_some(Self(text))
    }

    /// The id of a new user.
    #[must_use]
    pub fn new(id: RandomId) -> Self {
        Self(id.into_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no e-mail address that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

/// An e-mail address, lower-cased.
///
/// Its `Debug` shows nothing: addresses stay out of logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);
crate::redacted!(Email);

impl Email {
    /// The longest address accepted, in bytes (RFC 5321, section 4.5.3.1.3, less the angle brackets).
    pub const MAX_BYTES: usize = 254;

    /// Parses an address by the syntax Better Auth accepts: ASCII; a local part of letters, digits and
    /// `_ ' + -` in runs separated by single dots, not ending in `'`; a domain of labels of letters, digits
    /// and hyphens, none starting with a hyphen, the last of at least two letters.
    ///
    /// # Errors
    /// [`InvalidEmail`] for anything else, and for more than [`Self::MAX_BYTES`].
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let valid = text.len() <= Self::MAX_BYTES && is_local_part(local) && is_domain(domain);
        if valid { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    /// Takes over an address from a store, which may have been filled under other rules.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The address as text.
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

/// Why a text is no name that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUserName {
    /// More than [`UserName::MAX_CHARS`].
    #[error("at most {} characters", UserName::MAX_CHARS)]
    TooLong,
    /// A NUL, which no database of ours can keep in a text.
    #[error("must not contain a NUL character")]
    Nul,
}

/// What a user is called; may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// The longest name accepted, in characters.
    pub const MAX_CHARS: usize = 100;

    /// # Errors
    /// [`InvalidUserName`] names the rule that is broken.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidUserName> {
        let text = text.into();
        if text.contains('\0') {
            Err(InvalidUserName::Nul)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(InvalidUserName::TooLong)
        } else {
            Ok(Self(text))
        }
    }

    /// Takes over a name from a store, which may have been filled under other rules.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no address of a picture that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUserImage {
    /// More than [`UserImage::MAX_CHARS`].
    #[error("at most {} characters", UserImage::MAX_CHARS)]
    TooLong,
    /// A NUL, which no database of ours can keep in a text.
    #[error("must not contain a NUL character")]
    Nul,
}

/// The address of a user's picture. It is part of every token, so it is short: no picture itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserImage(String);

impl UserImage {
    /// The longest one accepted, in Unicode scalar values.
    pub const MAX_CHARS: usize = 2048;

    /// # Errors
    /// [`InvalidUserImage`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidUserImage> {
        if text.chars().count() > Self::MAX_CHARS {
            Err(InvalidUserImage::TooLong)
        } else if text.contains('\0') {
            Err(InvalidUserImage::Nul)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Takes over one from a store, which may have been filled under other rules.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, for what has no room for more than [`Self::MAX_CHARS`].
    #[must_use]
    pub fn if_short(&self) -> Option<&str> {
        Self::parse(&self.0).is_ok().then_some(&*self.0)
    }
}

/// Restrictions of a user's access, as plugins of Better Auth store them beside the user.
///
/// Taskbridge enforces them and never changes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// The ban of the user (`admin` plugin).
    pub ban: Option<Ban>,
    /// Whether the user signs in with a second factor (`twoFactor` plugin).
    pub second_factor: bool,
}

/// The ban of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// End of the ban; `None` if it is permanent.
    pub until: Option<Timestamp>,
}

impl Restrictions {
    /// Returns `true` if the user is banned at `now`. A ban includes the moment at which it ends, as in Better Auth.
    #[must_use]
    pub fn is_banned(&self, now: Timestamp) -> bool {
        self.ban.is_some_and(|Ban { until }| until.is_none_or(|end| end >= now))
    }
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Who this is, for ever.
    pub id: UserId,
    /// What the person is called.
    pub name: UserName,
    /// Unique among users, lower-cased.
    pub email: Email,
    /// Whether the person has proved to read that address.
    pub email_verified: bool,
    /// A picture of them.
    pub image: Option<UserImage>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
    /// Restrictions of their access.
    pub restrictions: Restrictions,
}

/// What users may change of themselves. What is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// Another name.
    pub name: Option<UserName>,
    /// Another picture; `Some(None)` takes it away.
    pub image: Option<Option<UserImage>>,
}

impl ProfileUpdate {
    /// Whether everything stays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One of the ways in which a user signs in. What they prove themselves by is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The row's id.
    pub id: String,
    /// Who knows the user: `credential` for a password here.
    pub provider_id: String,
    /// Who the user is there; for a password the user's own id.
    pub account_id: String,
    /// Whose it is.
    pub user_id: UserId,
    /// What the provider lets the app do; nothing for a password.
    pub scopes: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

impl Account {
    /// How many of a user's are looked at.
    pub const MAX_LISTED: u32 = 100;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::fixtures::moment;

    #[test]
    fn a_ban_lasts_to_its_end_or_for_ever() {
        let banned = |until| Restrictions { ban: Some(Ban { until }), second_factor: false };
        let later = moment().after(Duration::from_millis(1));
        assert!(banned(None).is_banned(moment()));
        assert!(banned(Some(moment())).is_banned(moment()));
        assert!(!banned(Some(moment())).is_banned(later));
        assert!(!Restrictions::default().is_banned(moment()));
    }

    #[test]
    fn a_user_id_is_any_text_but_empty_or_with_nul() {
        for good in ["u", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42", "Ü漢🙂", " ", "a/b%2f"] {
            assert_eq!(UserId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "\0", "a\0b"] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_email_is_lower_cased_bounded_and_never_shown_by_debug() {
        let email = Email::parse("Ann@Example.TEST").unwrap();
        assert_eq!(email.as_str(), "ann@example.test");
        assert_eq!(format!("{email:?}"), "Email(…)");

        let of_length = |bytes: usize| format!("{}@example.test", "a".repeat(bytes - "@example.test".len()));
        assert!(Email::parse(&of_length(254)).is_ok());
        assert_eq!(Email::parse(&of_length(255)), Err(InvalidEmail));
    }

    #[test]
    fn a_name_counts_characters_not_bytes() {
        assert!(UserName::parse("").is_ok());
        assert!(UserName::parse("🙂".repeat(100)).is_ok());
        assert_eq!(UserName::parse("🙂".repeat(101)), Err(InvalidUserName::TooLong));
        assert_eq!(UserName::parse("a\0"), Err(InvalidUserName::Nul));
    }
}
