//! Queries for a page of a list of tasks.

use super::filter::TaskFilter;
use super::order::{Cursor, SortDirection, SortValue, TaskOrder};
use super::task::{Task, TaskId};

/// The start of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// The page starts after this number of tasks, in a list that is sorted in this order.
    Offset(TaskOrder, u32),
    /// The page starts after the position of this cursor, in a list that has the order of the cursor.
    After(Cursor),
}

impl Default for PageStart {
    fn default() -> Self {
        Self::Offset(TaskOrder::default(), 0)
    }
}

/// Maximum number of tasks on a page: 1 to 1,000; the default is 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The largest page size.
    pub const MAX: u16 = 1000;

    /// Creates a page size. Returns `None` if `count` is not between 1 and [`Self::MAX`].
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&count).then_some(Self(count))
    }

    /// Returns the maximum number of tasks on the page.
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

/// A query for a page of a list of tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// The filter of the list.
    pub filter: TaskFilter,
    /// The start of the page, and the order of the list.
    pub start: PageStart,
    /// Maximum number of tasks on the page.
    pub limit: PageSize,
}

impl TaskQuery {
    /// Returns the order of the list.
    #[must_use]
    pub fn order(&self) -> TaskOrder {
        match &self.start {
            PageStart::Offset(order, _) => *order,
            PageStart::After(cursor) => cursor.order(),
        }
    }

    /// Returns `true` if a store reads only the tasks on the page, by an index. The filters have no indices, and an
    /// offset is counted task by task.
    #[must_use]
    pub fn reads_only_its_page(&self) -> bool {
        let skips_none = matches!(self.start, PageStart::Offset(_, 0) | PageStart::After(_));
        skips_none && self.filter == TaskFilter::default()
    }

    /// Returns the page of this query. `tasks` are all tasks of the owner, in any order. Used by stores without a query
    /// language.
    #[must_use]
    pub fn page_of(&self, tasks: impl IntoIterator<Item = Task>) -> TaskPage {
        let TaskOrder { key, direction } = self.order();
        let in_order = |a: &(SortValue, TaskId), b: &(SortValue, TaskId)| match direction {
            SortDirection::Ascending => a.cmp(b),
            SortDirection::Descending => b.cmp(a),
        };
        let matching = tasks.into_iter().filter(|task| self.filter.matches(task));
        let mut sorted: Vec<_> = matching.map(|task| ((SortValue::of(&task, key), task.id), task)).collect();
        sorted.sort_by(|(a, _), (b, _)| in_order(a, b));
        let skipped = match &self.start {
            PageStart::Offset(_, offset) => usize::try_from(*offset).unwrap_or(usize::MAX),
            PageStart::After(Cursor { value, id, direction: _ }) => {
                let reached = (value.clone(), *id);
                sorted.partition_point(|(place, _)| in_order(place, &reached).is_le())
            }
        };
        let mut rest = sorted.into_iter().skip(skipped);
        let page: Vec<_> = rest.by_ref().take(self.limit.count().into()).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        let next = last.map(|((value, id), _)| Cursor { value: value.clone(), id: *id, direction });
        TaskPage { tasks: page.into_iter().map(|(_, task)| task).collect(), next }
    }
}

/// A page of a list of tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPage {
    /// The tasks, in the order of the query.
    pub tasks: Vec<Task>,
    /// The position at which the next page starts; `None` if this is the last page.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{SortDirection, SortKey, SortValue, TaskId, TitlePrefix};

    #[test]
    fn a_page_has_one_to_a_thousand_tasks() {
        assert_eq!(PageSize::new(0), None);
        assert_eq!(PageSize::new(1).unwrap().count(), 1);
        assert_eq!(PageSize::new(1000).unwrap().count(), 1000);
        assert_eq!(PageSize::new(1001), None);
        assert_eq!(PageSize::default().count(), 500);
    }

    #[test]
    fn a_page_after_a_cursor_has_the_order_of_the_cursor() {
        let cursor = Cursor {
            value: SortValue::Title(TitlePrefix::of("a")),
            id: TaskId::new(1),
            direction: SortDirection::Descending,
        };
        let query = TaskQuery { start: PageStart::After(cursor), ..TaskQuery::default() };
        assert_eq!(query.order(), TaskOrder { key: SortKey::Title, direction: SortDirection::Descending });
        assert_eq!(TaskQuery::default().order(), TaskOrder::by(SortKey::CreatedAt));
        assert_eq!(TaskOrder::by(SortKey::Title).direction, SortDirection::Ascending);
    }
}
