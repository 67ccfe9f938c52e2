//! The order of a list of tasks, and positions in it.

use super::task::{Task, TaskId, Title};
use crate::time::PreciseTimestamp;

/// The field by which a list is sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortKey {
    /// The time of the creation.
    #[default]
    CreatedAt,
    /// The time of the last change.
    UpdatedAt,
    /// The title, by the code points of its [`TitlePrefix`].
    Title,
}

/// The direction in which a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortDirection {
    /// Lowest or oldest first.
    Ascending,
    /// Highest or newest first.
    Descending,
}

/// The order of a list. Tasks that are equal in the field of `key` are sorted by id, in the same direction. By default,
/// the newest task is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskOrder {
    /// The field by which the list is sorted.
    pub key: SortKey,
    /// The direction in which the list is sorted.
    pub direction: SortDirection,
}

impl TaskOrder {
    /// Returns the usual order for `key`: newest first, titles from A to Z.
    #[must_use]
    pub fn by(key: SortKey) -> Self {
        let direction = match key {
            SortKey::CreatedAt | SortKey::UpdatedAt => SortDirection::Descending,
            SortKey::Title => SortDirection::Ascending,
        };
        Self { key, direction }
    }
}

impl Default for TaskOrder {
    fn default() -> Self {
        Self::by(SortKey::default())
    }
}

/// The first [`Title::MAX_CHARS`] characters of a title.
///
/// Titles are sorted by these characters only, so that a database index can have entries of a limited size. Only titles
/// that another program stored are longer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TitlePrefix(String);

impl TitlePrefix {
    /// Returns the prefix of `title`.
    #[must_use]
    pub fn of(title: &str) -> Self {
        Self(title.chars().take(Title::MAX_CHARS).collect())
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value that a task has in the field by which a list is sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// The value for [`SortKey::CreatedAt`].
    CreatedAt(PreciseTimestamp),
    /// The value for [`SortKey::UpdatedAt`].
    UpdatedAt(PreciseTimestamp),
    /// The value for [`SortKey::Title`].
    Title(TitlePrefix),
}

impl SortValue {
    /// Returns the value that `task` has in the field of `key`. Used by stores that hold tasks in memory.
    #[must_use]
    pub fn of(task: &Task, key: SortKey) -> Self {
        match key {
            SortKey::CreatedAt => Self::CreatedAt(PreciseTimestamp::new(task.created_at.datetime())),
            SortKey::UpdatedAt => Self::UpdatedAt(PreciseTimestamp::new(task.updated_at.datetime())),
            SortKey::Title => Self::Title(TitlePrefix::of(task.title.as_str())),
        }
    }

    /// Returns the field that the value belongs to.
    #[must_use]
    pub fn key(&self) -> SortKey {
        match self {
            Self::CreatedAt(_) => SortKey::CreatedAt,
            Self::UpdatedAt(_) => SortKey::UpdatedAt,
            Self::Title(_) => SortKey::Title,
        }
    }
}

/// A position in a list: directly after the task with this sort value and this id.
///
/// The position stays valid when tasks before it are created or deleted, even if the task with this id is itself
/// deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The value of the task in the field by which the list is sorted.
    pub value: SortValue,
    /// The id of the task. It orders tasks with the same sort value.
    pub id: TaskId,
    /// The direction of the list.
    pub direction: SortDirection,
}

impl Cursor {
    /// Returns the order of the list.
    #[must_use]
    pub fn order(&self) -> TaskOrder {
        TaskOrder { key: self.value.key(), direction: self.direction }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_prefix_is_counted_in_characters() {
        let longest = "🙂".repeat(200);
        assert_eq!(TitlePrefix::of(&longest).as_str(), longest);
        assert_eq!(TitlePrefix::of(&format!("{longest}a")), TitlePrefix::of(&format!("{longest}b")));
        assert!(TitlePrefix::of("a") < TitlePrefix::of("aa"));
    }
}
