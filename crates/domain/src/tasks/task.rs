//! Tasks, and the rules for their fields.

use crate::owned::Id;
use crate::text::{InvalidText, bounded, bounded_text};
use crate::time::Timestamp;
use crate::users::UserId;

/// The id of a task.
pub type TaskId = Id<Task>;

bounded_text! {
    /// The title of a task. It has at least one visible character, and neither starts nor ends with white space.
    Title, 200
}

impl Title {
    /// Trims the text, and checks that it is neither empty nor too long and has no NUL character.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let text = text.trim();
        if text.chars().all(|c| c.is_whitespace() || c.is_control()) {
            return Err(InvalidText::Empty);
        }
        bounded(text.to_owned(), Self::MAX_CHARS).map(Self)
    }
}

bounded_text! {
    /// The description of a task. It is stored as given, without trimming.
    Description, 1000
}

impl Description {
    /// Parses a description. It must have at most `MAX_CHARS` characters and no NUL character.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
        bounded(text.into(), Self::MAX_CHARS).map(Self)
    }
}

/// A task of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The id, assigned by the store.
    pub id: TaskId,
    /// The user whose task it is; never changes.
    pub owner: UserId,
    /// The title.
    pub title: Title,
    /// The description.
    pub description: Option<Description>,
    /// `true` if the task is done.
    pub completed: bool,
    /// Time of the creation.
    pub created_at: Timestamp,
    /// Time of the last change. Every change increases it, even if the clock stands still.
    pub updated_at: Timestamp,
}

impl Task {
    /// Returns the task that a store creates from `new` for the user `owner`.
    #[must_use]
    pub fn new(id: TaskId, owner: UserId, new: NewTask, now: Timestamp) -> Self {
        let NewTask { title, description, completed } = new;
        Self { id, owner, title, description, completed, created_at: now, updated_at: now }
    }
}

/// The fields of a new task that the caller sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    /// The title.
    pub title: Title,
    /// The description.
    pub description: Option<Description>,
    /// `true` if the task is done already.
    pub completed: bool,
}

/// A change to a field that may have no value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FieldUpdate<T> {
    /// Keeps the value.
    #[default]
    Keep,
    /// Removes the value.
    Clear,
    /// Sets a new value.
    Set(T),
}

/// A partial update of a task. Fields that it does not set keep their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskPatch {
    /// The new title.
    pub title: Option<Title>,
    /// The change to the description.
    pub description: FieldUpdate<Description>,
    /// The new value of `completed`.
    pub completed: Option<bool>,
}

impl TaskPatch {
    /// Applies the patch to a task in memory. Does not change `updated_at`.
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
    fn a_title_is_trimmed_and_its_length_counted_in_characters() {
        assert_eq!(Title::parse("  milk\u{3000}\n").unwrap().as_str(), "milk");
        assert!(Title::parse(&"🙂".repeat(200)).is_ok());
        assert_eq!(Title::parse(&"🙂".repeat(201)), Err(InvalidText::TooLong { max_chars: 200 }));
        assert!(Title::parse(&format!("  {}  ", "x".repeat(200))).is_ok());
        for empty in ["", "   ", "\t\n\u{2003}", "\u{1}\u{7f}", "\0"] {
            assert_eq!(Title::parse(empty), Err(InvalidText::Empty), "{empty:?}");
        }
        assert_eq!(Title::parse("a\0b"), Err(InvalidText::Nul));
    }

    #[test]
    fn a_description_is_stored_as_given() {
        let text = "  e\u{301} \u{202e}rtl 👩‍👩‍👧 \n";
        assert_eq!(Description::parse(text).unwrap().as_str(), text);
        assert!(Description::parse("é".repeat(1000)).is_ok());
        assert_eq!(Description::parse("é".repeat(1001)), Err(InvalidText::TooLong { max_chars: 1000 }));
        assert_eq!(Description::parse("a\0"), Err(InvalidText::Nul));
    }
}
