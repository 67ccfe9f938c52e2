//! Filters for lists of tasks.

use super::task::Task;
use crate::text::{InvalidText, bounded};

/// The conditions that the tasks of a list must meet. A field that is `None` sets no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only tasks that are done (`true`) or not done (`false`).
    pub completed: Option<bool>,
    /// Only tasks whose title or description contains this text.
    pub search: Option<SearchText>,
}

impl TaskFilter {
    /// Returns `true` if the task meets the conditions. Used by stores that hold tasks in memory.
    #[must_use]
    pub fn matches(&self, task: &Task) -> bool {
        let Self { completed, search } = self;
        completed.is_none_or(|completed| completed == task.completed)
            && search.as_ref().is_none_or(|search| search.is_in(task))
    }
}

/// A text to search for in titles and descriptions. Wildcards are not supported.
///
/// The search ignores case only for the letters A to Z, because databases differ in how they treat other letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    /// Maximum length in Unicode scalar values.
    pub const MAX_CHARS: usize = 1000;

    /// Parses the text. An empty text matches every task.
    ///
    /// # Errors
    /// Returns an [`InvalidText`] that says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        bounded(text.to_ascii_lowercase(), Self::MAX_CHARS).map(Self)
    }

    /// Returns the text with the letters A to Z in lower case. Titles and descriptions must be converted in the same
    /// way before they are searched.
    #[must_use]
    pub fn lowercase(&self) -> &str {
        &self.0
    }

    fn is_in(&self, task: &Task) -> bool {
        let contains = |text: &str| text.to_ascii_lowercase().contains(&self.0);
        contains(task.title.as_str()) || task.description.as_ref().is_some_and(|text| contains(text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{Description, Title};
    use crate::testing::fixtures::task;

    #[test]
    fn a_search_text_is_bounded_and_folds_ascii_alone() {
        assert_eq!(SearchText::parse("MiLK Ä").unwrap().lowercase(), "milk Ä");
        assert!(SearchText::parse(&"🙂".repeat(1000)).is_ok());
        assert_eq!(SearchText::parse(&"🙂".repeat(1001)), Err(InvalidText::TooLong { max_chars: 1000 }));
        assert_eq!(SearchText::parse("a\0"), Err(InvalidText::Nul));
    }

    #[test]
    fn a_filter_matches_tasks_that_meet_all_conditions() {
        let mut task = Task { completed: true, ..task("alice", 1) };
        task.title = Title::parse("Buy MILK 100%").unwrap();
        task.description = Some(Description::parse("at the Märkt_").unwrap());
        for (completed, search, expected) in [
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
            let search = Some(SearchText::parse(search).unwrap());
            let filter = TaskFilter { completed, search, ..TaskFilter::default() };
            assert_eq!(filter.matches(&task), expected, "{filter:?}");
        }
        task.description = None;
        assert!(!TaskFilter { search: Some(SearchText::parse("märkt").unwrap()), ..Default::default() }.matches(&task));
    }
}
