//! Tasks, and the rules of what may be in one.

use std::fmt;

use thiserror::Error;

use crate::time::Timestamp;
use crate::users::UserId;

/// The number of a task, unique in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(i64);

impl TaskId {
    /// Any 64-bit integer is an id; whether a task has it is for the store to say.
    #[must_use]
    pub fn new(number: i64) -> Self {
        Self(number)
    }

    /// Reads the decimal form. `None` for anything that is not written the way [`fmt::Display`] writes it:
    /// no sign `+`, no leading zeros, no blanks, no exponents, no other digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(text.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }

    /// The number.
    #[must_use]
    pub fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidTitle {
    /// Nothing in it but blanks and control characters.
    #[error("must not be empty")]
    Empty,
    /// More than [`Title::MAX_CHARS`].
    #[error("must have at most {} characters", Title::MAX_CHARS)]
    TooLong,
    /// A NUL, which no database of ours can keep in a text.
    #[error("must not contain a NUL character")]
    Nul,
}

/// What is to be done: 1 to 200 characters, without blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// The longest title accepted, in characters, after trimming.
    pub const MAX_CHARS: usize = 200;

    /// Trims the text and checks it.
    ///
    /// # Errors
    /// [`InvalidTitle`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidTitle> {
        let text = text.trim();
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            Err(InvalidTitle::Empty)
        } else if text.contains('\0') {
            Err(InvalidTitle::Nul)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(InvalidTitle::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Takes over a title from a store, which may have been filled under other rules.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The title as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidDescription {
    /// More than [`Description::MAX_CHARS`].
    #[error("must have at most {} characters", Description::MAX_CHARS)]
    TooLong,
    /// A NUL, which no database of ours can keep in a text.
    #[error("must not contain a NUL character")]
    Nul,
}

/// More about a task: at most 1,000 characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The longest description accepted, in characters.
    pub const MAX_CHARS: usize = 1000;

    /// # Errors
    /// [`InvalidDescription`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidDescription> {
        if text.contains('\0') {
            Err(InvalidDescription::Nul)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(InvalidDescription::TooLong)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Takes over a description from a store, which may have been filled under other rules.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The description as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One thing to do, of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Given by the store.
    pub id: TaskId,
    /// Whose task it is; never changes.
    pub owner: UserId,
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
    /// Whether it is done.
    pub completed: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed; later than before with every change, even if the clock stands still.
    pub updated_at: Timestamp,
}

/// What a caller gives to add a task. The rest is the store's and the clock's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// What is to be done.
    pub title: Title,
    /// More about it.
    pub description: Option<Description>,
    /// Whether it is done already.
    pub completed: bool,
}

/// What happens to a value that may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldUpdate<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It goes.
    Clear,
    /// It becomes this.
    Set(T),
}

/// A partial change: what is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskPatch {
    /// The new title.
    pub title: Option<Title>,
    /// What happens to the description.
    pub description: FieldUpdate<Description>,
    /// Whether it is done now.
    pub completed: Option<bool>,
}

impl TaskPatch {
    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The change itself, for stores that hold tasks as values. Leaves `updated_at` alone.
    pub fn apply(self, task: &mut Task) {
        let Self { title, description, completed } = self;
        if let Some(title) = title {
            task.title = title;
        }
        match description {
            FieldUpdate::Keep => {}
            FieldUpdate::Clear => task.description = None,
            FieldUpdate::Set(description) => task.description = Some(description),
        }
        if let Some(completed) = completed {
            task.completed = completed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_is_written_in_one_way_only() {
        for good in ["0", "-1", "7", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(TaskId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            " 1",
            "1 ",
            "+1",
            "01",
            "-0",
            "1e3",
            "1.0",
            "0x10",
            "1_000",
            "９",
            "9223372036854775808",
            "true",
            "null",
            "NaN",
            "1 OR 1=1",
            "--1",
        ] {
            assert_eq!(TaskId::parse(bad), None, "{bad:?}");
        }
        assert_eq!(TaskId::parse(&"1".repeat(1000)), None);
    }

    #[test]
    fn a_title_is_trimmed_and_counts_characters() {
        assert_eq!(Title::parse("  milk\u{3000}\n").unwrap().as_str(), "milk");
        assert!(Title::parse(&"🙂".repeat(200)).is_ok());
        assert_eq!(Title::parse(&"🙂".repeat(201)), Err(InvalidTitle::TooLong));
        assert!(Title::parse(&format!("  {}  ", "x".repeat(200))).is_ok());
        for empty in ["", "   ", "\t\n\u{2003}", "\u{1}\u{7f}", "\0"] {
            assert_eq!(Title::parse(empty), Err(InvalidTitle::Empty), "{empty:?}");
        }
        assert_eq!(Title::parse("a\0b"), Err(InvalidTitle::Nul));
    }

    #[test]
    fn a_description_is_kept_as_given() {
        let text = "  e\u{301} \u{202e}rtl 👩‍👩‍👧 \n";
        assert_eq!(Description::parse(text).unwrap().as_str(), text);
        assert!(Description::parse(&"é".repeat(1000)).is_ok());
        assert_eq!(Description::parse(&"é".repeat(1001)), Err(InvalidDescription::TooLong));
        assert_eq!(Description::parse("a\0"), Err(InvalidDescription::Nul));
    }
}
