//! Users, their profile and their accounts.

use std::fmt;

use super::email::Email;
use super::restrictions::Restrictions;
use crate::text::{InvalidText, bounded, bounded_text};
use crate::time::Timestamp;

/// The id of a user. It occurs as the `sub` claim of a token, as `{user_id}` in a path and as the owner of a task.
///
/// The id is an opaque, non-empty text without NUL characters, compared byte for byte. It has 32 letters and digits, or
/// is a UUID or a number, as the table of the users requires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(String);

impl UserId {
    /// Parses an id. Returns `None` if the text is empty or contains a NUL character, which PostgreSQL cannot store.
    #[must_use]
    pub fn parse(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        (!text.is_empty() && !text.contains('\0')).then_some(Self(text))
    }

    /// Returns the id as text.
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

bounded_text! {
    /// The name of a user; may be empty.
    UserName, 100
}

impl UserName {
    /// Parses a name. It must have at most `MAX_CHARS` characters and no NUL character.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        bounded(text.into(), Self::MAX_CHARS).map(Self)
    }
}

bounded_text! {
    /// The URL of a user's picture. It must be short, because every access token contains it. A `data:` URL, which
    /// contains the picture itself, is usually too long.
    UserImage, 2048
}

impl UserImage {
    /// Parses the URL of a picture. It must have at most `MAX_CHARS` characters and no NUL character.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        bounded(text.into(), Self::MAX_CHARS).map(Self)
    }

    /// Returns the URL if [`parse`](Self::parse) accepts it, otherwise `None`. A URL that another program has stored
    /// may be too long.
    #[must_use]
    pub fn if_short(&self) -> Option<&str> {
        Self::parse(self.as_str()).is_ok().then_some(self.as_str())
    }
}

/// A user, as in Better Auth's `user` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id; never changes.
    pub id: UserId,
    /// The display name.
    pub name: UserName,
    /// The email address, unique among users.
    pub email: Email,
    /// Whether the user has proved that the email address is theirs.
    pub email_verified: bool,
    /// The URL of a picture.
    pub image: Option<UserImage>,
    /// Time of the sign-up.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// Restrictions of the user's access.
    pub restrictions: Restrictions,
}

/// Changes to a user's profile. A field that is `None` keeps its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileUpdate {
    /// The new name.
    pub name: Option<UserName>,
    /// The new picture; `Some(None)` removes it.
    pub image: Option<Option<UserImage>>,
}

impl ProfileUpdate {
    /// Returns `true` if the update changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A sign-in method of a user, as in Better Auth's `account` table. Contains neither the password nor tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The id of the account.
    pub id: String,
    /// The id of the provider; `credential` if the sign-in method is a password.
    pub provider_id: String,
    /// The id of the user at the provider; for a password, the user's own id.
    pub account_id: String,
    /// The user whose account it is.
    pub user_id: UserId,
    /// The OAuth scopes that the provider has granted; empty for a password.
    pub scopes: Vec<String>,
    /// Time of the creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

impl Account {
    /// Maximum number of accounts that [`ProfileService::accounts`](crate::services::ProfileService::accounts) returns.
    pub const MAX_LISTED: u32 = 100;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_any_text_that_is_not_empty_and_has_no_nul() {
        for good in ["u", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42", "Ü漢🙂", " ", "a/b%2f"] {
            assert_eq!(UserId::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "\0", "a\0b"] {
            assert_eq!(UserId::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_length_of_a_name_is_counted_in_characters_not_bytes() {
        assert!(UserName::parse("").is_ok());
        assert!(UserName::parse("🙂".repeat(100)).is_ok());
        assert_eq!(UserName::parse("🙂".repeat(101)), Err(InvalidText::TooLong { max_chars: 100 }));
        assert_eq!(UserName::parse("a\0"), Err(InvalidText::Nul));
    }
}
