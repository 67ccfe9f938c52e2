//! Lists of tasks: which ones, in which order, from where on, how many.

use chrono::{DateTime, Datelike, Utc};
use thiserror::Error;

use super::task::{Task, TaskId};

/// Which of the owner's tasks a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those that are done, or only those that are not.
    pub completed: Option<bool>,
    /// Only those with this text in them.
    pub search: Option<SearchText>,
}

impl TaskFilter {
    /// Whether this task is in the list, for stores that hold tasks as values.
    #[must_use]
    pub fn matches(&self, task: &Task) -> bool {
        let Self { completed, search } = self;
        completed.is_none_or(|completed| completed == task.completed)
            && search.as_ref().is_none_or(|search| search.is_in(task))
    }
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidSearchText {
    /// More than [`SearchText::MAX_CHARS`].
    #[error("must have at most {} characters", SearchText::MAX_CHARS)]
    TooLong,
    /// A NUL, which is in no task.
    #[error("must not contain a NUL character")]
    Nul,
}

/// A text looked for in titles and descriptions, every character standing for itself. Upper and lower case are the
/// same for the letters A to Z and no others, which is what every database of ours does alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// The longest text that can be searched for, in characters.
    pub const MAX_CHARS: usize = 1000;

    /// Checks the text. The empty one is in every task.
    ///
    /// # Errors
    /// [`InvalidSearchText`] names the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, InvalidSearchText> {
        if text.contains('\0') {
            Err(InvalidSearchText::Nul)
        } else if text.chars().count() > Self::MAX_CHARS {
            Err(InvalidSearchText::TooLong)
        } else {
            Ok(Self(text.to_ascii_lowercase()))
        }
    }

    /// The text with its letters A to Z in lower case, for a store to find in texts treated likewise.
    #[must_use]
    pub fn lowercase(&self) -> &str {
        &self.0
    }

    fn is_in(&self, task: &Task) -> bool {
        let holds = |text: &str| text.to_ascii_lowercase().contains(&self.0);
        holds(task.title.as_str()) || task.description.as_ref().is_some_and(|text| holds(text.as_str()))
    }
}

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When the task was added.
    #[default]
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// Its title, by code point.
    Title,
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortDirection {
    /// The lowest, the oldest.
    Ascending,
    /// The highest, the newest.
    Descending,
}

/// The order of a list; ties go by id, in the same direction. The newest task comes first unless given otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskOrder {
    /// What comes before what.
    pub key: SortKey,
    /// From which end.
    pub direction: SortDirection,
}

impl TaskOrder {
    /// The order people expect by this key: the newest first, titles from A to Z.
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

/// A moment as precisely as a store has it: to the microsecond. Cut to the millisecond of a
/// [`Timestamp`](crate::Timestamp), a position would not tell tasks of the same millisecond apart that somebody else's
/// program wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreciseTimestamp(DateTime<Utc>);

impl PreciseTimestamp {
    /// Takes over a moment from a store.
    #[must_use]
    pub fn new(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }

    /// The moment that many microseconds after 1970-01-01T00:00:00Z; `None` outside of the years 1 to 9999, which
    /// every store can compare with.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).filter(|moment| (1..=9999).contains(&moment.year())).map(Self)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// The moment as chrono knows it.
    #[must_use]
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }
}

/// The value by which a task stands where it does in a list sorted by that value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortValue {
    /// In a list sorted by [`SortKey::CreatedAt`].
    CreatedAt(PreciseTimestamp),
    /// In a list sorted by [`SortKey::UpdatedAt`].
    UpdatedAt(PreciseTimestamp),
    /// In a list sorted by [`SortKey::Title`].
    Title(String),
}

impl SortValue {
    /// Where this task stands, for stores that hold tasks as values.
    #[must_use]
    pub fn of(task: &Task, key: SortKey) -> Self {
        match key {
            SortKey::CreatedAt => Self::CreatedAt(PreciseTimestamp::new(task.created_at.datetime())),
            SortKey::UpdatedAt => Self::UpdatedAt(PreciseTimestamp::new(task.updated_at.datetime())),
            SortKey::Title => Self::Title(task.title.as_str().to_owned()),
        }
    }

    /// What the list is sorted by.
    #[must_use]
    pub fn key(&self) -> SortKey {
        match self {
            Self::CreatedAt(_) => SortKey::CreatedAt,
            Self::UpdatedAt(_) => SortKey::UpdatedAt,
            Self::Title(_) => SortKey::Title,
        }
    }
}

/// A place between two tasks of a list: behind a task that has, or had, this position and this id. It stays where it
/// is whatever is added or removed before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The value the list is sorted by.
    pub position: SortValue,
    /// The task's id, which decides between equal positions.
    pub id: TaskId,
    /// In which direction the list goes on.
    pub direction: SortDirection,
}

/// Where a list starts, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// That many tasks from the first.
    Offset(TaskOrder, u32),
    /// Behind a place of a list that has been read; the order is that of the cursor.
    After(Cursor),
}

impl Default for PageStart {
    fn default() -> Self {
        Self::Offset(TaskOrder::default(), 0)
    }
}

/// How many tasks a list holds at the most: 1 to 1,000, 500 unless given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The most one list can hold.
    pub const MAX: u16 = 1000;

    /// `None` outside of 1 to [`Self::MAX`].
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&count).then_some(Self(count))
    }

    /// The number of tasks.
    #[must_use]
    pub fn count(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(500)
    }
}

/// A list, as it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Which tasks.
    pub filter: TaskFilter,
    /// From where on, in which order.
    pub start: PageStart,
    /// How many at the most.
    pub limit: PageSize,
}

impl TaskQuery {
    /// The order of the list.
    #[must_use]
    pub fn order(&self) -> TaskOrder {
        match &self.start {
            PageStart::Offset(order, _) => *order,
            PageStart::After(Cursor { position, direction, id: _ }) => {
                TaskOrder { key: position.key(), direction: *direction }
            }
        }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// The tasks, in the order asked for.
    pub tasks: Vec<Task>,
    /// Where the rest of the list begins, if there is any.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Description, Title};
    use crate::testing::fixtures::task;

    #[test]
    fn a_limit_is_between_one_and_a_thousand() {
        assert_eq!(PageSize::new(0), None);
        assert_eq!(PageSize::new(1).unwrap().count(), 1);
        assert_eq!(PageSize::new(1000).unwrap().count(), 1000);
        assert_eq!(PageSize::new(1001), None);
        assert_eq!(PageSize::default().count(), 500);
    }

    #[test]
    fn a_search_is_bounded_and_folds_ascii_alone() {
        assert_eq!(SearchText::parse("MiLK Ä").unwrap().lowercase(), "milk Ä");
        assert!(SearchText::parse(&"🙂".repeat(1000)).is_ok());
        assert_eq!(SearchText::parse(&"🙂".repeat(1001)), Err(InvalidSearchText::TooLong));
        assert_eq!(SearchText::parse("a\0"), Err(InvalidSearchText::Nul));
    }

    #[test]
    fn a_filter_admits_what_fits_all_of_it() {
        let mut task = Task { completed: true, ..task("alice", 1) };
        task.title = Title::parse("Buy MILK 100%").unwrap();
        task.description = Some(Description::parse("at the Märkt_").unwrap());
        for (completed, search, admitted) in [
            (None, "", true),
            (Some(true), "milk", true),
            (Some(false), "milk", false),
            (None, "0%", true),
            (None, "%milk%", false),
            (None, "m_lk", false),
            (None, "MäRKT_", true),
            (None, "MÄRKT", false),
            (None, "milk at", false),
        ] {
            let filter = TaskFilter { completed, search: Some(SearchText::parse(search).unwrap()) };
            assert_eq!(filter.matches(&task), admitted, "{filter:?}");
        }
        task.description = None;
        assert!(!TaskFilter { search: Some(SearchText::parse("märkt").unwrap()), ..Default::default() }.matches(&task));
    }

    #[test]
    fn a_stored_time_is_one_that_every_store_can_compare_with() {
        let micros = 1_795_225_503_596_999;
        assert_eq!(PreciseTimestamp::from_unix_micros(micros).unwrap().unix_micros(), micros);
        assert!(PreciseTimestamp::from_unix_micros(-62_135_596_800_000_000).is_some());
        for beyond in [i64::MIN, -62_135_596_800_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(PreciseTimestamp::from_unix_micros(beyond), None);
        }
    }

    #[test]
    fn a_cursor_goes_on_in_its_own_order() {
        let cursor =
            Cursor { position: SortValue::Title("a".into()), id: TaskId::new(1), direction: SortDirection::Descending };
        let query = TaskQuery { start: PageStart::After(cursor), ..TaskQuery::default() };
        assert_eq!(query.order(), TaskOrder { key: SortKey::Title, direction: SortDirection::Descending });
        assert_eq!(TaskQuery::default().order(), TaskOrder::by(SortKey::CreatedAt));
        assert_eq!(TaskOrder::by(SortKey::Title).direction, SortDirection::Ascending);
    }
}
