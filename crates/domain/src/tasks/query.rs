//! Queries for a page of a list of tasks.

use super::filter::TaskFilter;
use super::order::{Cursor, SortDirection, SortValue, TaskOrder};
use super::task::{Task, TaskId};
use crate::owned::{ListQuery, Page, PageSize};

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
        TaskPage { items: page.into_iter().map(|(_, task)| task).collect(), next }
    }
}

impl ListQuery for TaskQuery {
    type Cursor = Cursor;

    fn page(start: Option<Cursor>, limit: PageSize) -> Self {
        Self { start: start.map_or_else(PageStart::default, PageStart::After), limit, filter: TaskFilter::default() }
    }

    fn limit(&self) -> PageSize {
        self.limit
    }

    /// The filters have no indices, and an offset is counted task by task.
    fn reads_only_its_page(&self) -> bool {
        let skips_none = matches!(self.start, PageStart::Offset(_, 0) | PageStart::After(_));
        skips_none && self.filter == TaskFilter::default()
    }
}

/// A page of a list of tasks.
pub type TaskPage = Page<Task, Cursor>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tasks::{SortDirection, SortKey, SortValue, TaskId, TitlePrefix};

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
