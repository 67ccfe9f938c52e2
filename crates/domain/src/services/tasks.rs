//! Tasks of an owner.

use crate::access::Owner;
use crate::owned::{ListQuery as _, OwnedResource as _};
use crate::ports::{StoreError, TaskRepo};
use crate::services::owned::{OwnedService, ResourceError};
use crate::tasks::{Cursor, PageStart, Task, TaskId, TaskPage, TaskPatch, TaskQuery};

/// Whether to count all tasks of a list, which takes a second query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TotalCount {
    /// Returns the total only if the page contains the whole list.
    #[default]
    IfKnown,
    /// Always returns the total.
    Always,
}

/// A page of a list, and the length of the list if known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskListing {
    /// The tasks, in the order of the query.
    pub tasks: Vec<Task>,
    /// The position at which the next page starts; `None` if this is the last page.
    pub next: Option<Cursor>,
    /// Number of tasks in the whole list; `None` if it is not known.
    pub total: Option<u64>,
}

/// Reads and changes the tasks of an [`Owner`].
pub type TaskService = OwnedService<Task, dyn TaskRepo>;

impl TaskService {
    /// Returns a page of the tasks of `owner`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn list(&self, owner: &Owner, query: &TaskQuery, total: TotalCount) -> Result<TaskListing, StoreError> {
        let is_first = matches!(query.start, PageStart::Offset(_, 0));
        if is_first && (total == TotalCount::IfKnown || query.reads_only_its_page()) {
            let TaskPage { items: tasks, next } = self.repo.list(owner, query).await?;
            let counted = next.is_none().then_some(tasks.len() as u64);
            if counted.is_some() || total == TotalCount::IfKnown {
                return Ok(TaskListing { tasks, next, total: counted });
            }
        }
        // The tasks are counted before the page is read, also if it has been read above. A page would take memory while it
        // waits for the count, which is a search, and any number of requests can wait.
        let total = match total {
            TotalCount::Always => Some(self.repo.count(owner, &query.filter).await?),
            TotalCount::IfKnown => None,
        };
        let TaskPage { items: tasks, next } = self.repo.list(owner, query).await?;
        let is_whole = is_first && next.is_none();
        let total = if is_whole { Some(tasks.len() as u64) } else { total };
        Ok(TaskListing { tasks, next, total })
    }

    /// Sets the field `completed` of a task of `owner` to the argument `completed`, or toggles the field if the
    /// argument is `None`. Returns the changed task.
    ///
    /// # Errors
    /// Returns a [`ResourceError`] if the owner has no such task or the store fails.
    pub async fn complete(&self, owner: &Owner, id: TaskId, completed: Option<bool>) -> Result<Task, ResourceError> {
        let now = self.clock.now();
        let task = match completed {
            Some(_) => self.repo.update(owner, id, TaskPatch { completed, ..TaskPatch::default() }, now).await?,
            None => self.repo.toggle(owner, id, now).await?,
        };
        task.ok_or(ResourceError::NotFound(Task::NAME))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ports::MockTaskRepo;
    use crate::tasks::{SortDirection, SortValue, TaskOrder, TitlePrefix};
    use crate::testing::fixtures::{clock_at, moment, owner, task};

    const ID: i64 = 7;

    fn service(repo: MockTaskRepo) -> TaskService {
        TaskService::new(Arc::new(repo), Arc::new(clock_at(moment())))
    }

    #[tokio::test]
    async fn a_task_that_the_store_does_not_have_is_not_completed() {
        let owner = owner("alice").await;
        let id = TaskId::new(ID);
        let mut repo = MockTaskRepo::new();
        repo.expect_update().returning(|_, _, _, _| Ok(None));
        repo.expect_toggle().returning(|_, _, _| Ok(None));
        let service = service(repo);
        assert!(matches!(service.complete(&owner, id, None).await, Err(ResourceError::NotFound(Task::NAME))));
        assert!(matches!(service.complete(&owner, id, Some(true)).await, Err(ResourceError::NotFound(Task::NAME))));
    }

    #[tokio::test]
    async fn completing_sets_the_given_value_and_toggles_without_one() {
        let mut repo = MockTaskRepo::new();
        repo.expect_update()
            .withf(|_, _, patch, _| *patch == TaskPatch { completed: Some(false), ..TaskPatch::default() })
            .return_once(|_, _, _, _| Ok(Some(task("alice", ID))));
        repo.expect_toggle().return_once(|_, _, _| Ok(Some(task("alice", ID))));
        let service = service(repo);
        let owner = owner("alice").await;
        assert!(service.complete(&owner, TaskId::new(ID), Some(false)).await.is_ok());
        assert!(service.complete(&owner, TaskId::new(ID), None).await.is_ok());
    }

    #[tokio::test]
    async fn a_list_is_the_page_that_the_store_returns() {
        let query = TaskQuery::default();
        let mut repo = MockTaskRepo::new();
        let asked = query.clone();
        repo.expect_list()
            .withf(move |owner, query| owner.id().as_str() == "alice" && *query == asked)
            .return_once(|_, _| Ok(TaskPage { items: vec![task("alice", ID)], next: None }));
        let service = service(repo);
        let owner = owner("alice").await;
        let expected = TaskListing { tasks: vec![task("alice", ID)], next: None, total: Some(1) };
        assert_eq!(service.list(&owner, &query, TotalCount::IfKnown).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn the_total_is_counted_only_if_it_is_requested_and_unknown() {
        let next = || Cursor {
            value: SortValue::Title(TitlePrefix::of("a")),
            id: TaskId::new(ID),
            direction: SortDirection::Ascending,
        };
        let first = |offset| PageStart::Offset(TaskOrder::default(), offset);
        for (start, next, total, expected) in [
            (first(0), None, TotalCount::IfKnown, Some(1)),
            (first(0), None, TotalCount::Always, Some(1)),
            (first(0), Some(next()), TotalCount::IfKnown, None),
            (first(0), Some(next()), TotalCount::Always, Some(42)),
            (first(3), None, TotalCount::IfKnown, None),
            (first(3), None, TotalCount::Always, Some(42)),
            (PageStart::After(next()), None, TotalCount::IfKnown, None),
            (PageStart::After(next()), None, TotalCount::Always, Some(42)),
        ] {
            let query = TaskQuery { start, ..TaskQuery::default() };
            let mut repo = MockTaskRepo::new();
            let page = TaskPage { items: vec![task("alice", ID)], next };
            repo.expect_list().returning(move |_, _| Ok(page.clone()));
            repo.expect_count().times(usize::from(expected == Some(42))).returning(|_, _| Ok(42));
            let list = service(repo).list(&owner("alice").await, &query, total).await.unwrap();
            assert_eq!(list.total, expected, "{query:?} {total:?}");
        }
    }
}
