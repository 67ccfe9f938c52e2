//! Texts with a maximum length.

use thiserror::Error;

/// Errors from parsing a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidText {
    /// The text contains nothing but white space and control characters.
    #[error("must not be empty")]
    Empty,
    /// The text has more than `max_chars` characters.
    #[error("must have at most {max_chars} characters")]
    TooLong {
        /// Maximum length in Unicode scalar values.
        max_chars: usize,
    },
    /// The text contains a NUL character, which PostgreSQL cannot store.
    #[error("must not contain a NUL character")]
    Nul,
}

/// Returns `text` if it has at most `max_chars` characters and no NUL among them.
///
/// # Errors
/// Returns an [`InvalidText`] that says which of the two is wrong.
pub fn bounded(text: String, max_chars: usize) -> Result<String, InvalidText> {
    if text.contains('\0') {
        Err(InvalidText::Nul)
    } else if text.chars().count() > max_chars {
        Err(InvalidText::TooLong { max_chars })
    } else {
        Ok(text)
    }
}

/// Defines a text type with a maximum length. Its `parse` is written separately, because each type has its own rules.
#[macro_export]
macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident, $max_chars:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Maximum length in Unicode scalar values.
            pub const MAX_CHARS: usize = $max_chars;

            /// Wraps a stored text without checks: another program may have stored one that `parse` rejects.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}
pub use bounded_text;
