//! Tasks of an owner.

use std::sync::Arc;

use thiserror::Error;

use crate::access::Owner;
use crate::ports::{Clock, CreateTaskError, StoreError, TaskRepo};
use crate::tasks::{Cursor, NewTask, PageStart, Task, TaskId, TaskPage, TaskPatch, TaskQuery};

/// Errors from reading or changing a task.
#[derive(Debug, Error)]
pub enum TaskError {
    /// The owner has no task with this id.
    #[error("task not found")]
    NotFound,
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
pub struct TaskService {
    repo: Arc<dyn TaskRepo>,
    clock: Arc<dyn Clock>,
}

impl TaskService {
    /// Creates a service that uses these ports.
    #[must_use]
    pub fn new(repo: Arc<dyn TaskRepo>, clock: Arc<dyn Clock>) -> Self {
        Self { repo, clock }
    }

    /// Returns a page of the tasks of `owner`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn list(&self, owner: &Owner, query: &TaskQuery, total: TotalCount) -> Result<TaskListing, StoreError> {
        let is_first = matches!(query.start, PageStart::Offset(_, 0));
        if is_first && (total == TotalCount::IfKnown || query.reads_only_its_page()) {
            let TaskPage { tasks, next } = self.repo.list(owner, query).await?;
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
        let TaskPage { tasks, next } = self.repo.list(owner, query).await?;
        let is_whole = is_first && next.is_none();
        let total = if is_whole { Some(tasks.len() as u64) } else { total };
        Ok(TaskListing { tasks, next, total })
    }

    /// Creates a task of `owner`.
    ///
    /// # Errors
    /// Returns a [`CreateTaskError`] if the owner does not exist or may not have more tasks, or the store fails.
    pub async fn create(&self, owner: &Owner, task: NewTask) -> Result<Task, CreateTaskError> {
        self.repo.create(owner, task, self.clock.now()).await
    }

    /// Returns a task of `owner`.
    ///
    /// # Errors
    /// Returns a [`TaskError`] if the owner has no such task or the store fails.
    pub async fn get(&self, owner: &Owner, id: TaskId) -> Result<Task, TaskError> {
        self.repo.find(owner, id).await?.ok_or(TaskError::NotFound)
    }

    /// Applies `patch` to a task of `owner` and returns the changed task. An empty patch changes nothing, not even
    /// `updated_at`.
    ///
    /// # Errors
    /// Returns a [`TaskError`] if the owner has no such task or the store fails.
    pub async fn update(&self, owner: &Owner, id: TaskId, patch: TaskPatch) -> Result<Task, TaskError> {
        if patch.is_empty() {
            return self.get(owner, id).await;
        }
        self.repo.update(owner, id, patch, self.clock.now()).await?.ok_or(TaskError::NotFound)
    }

    /// Sets the field `completed` of a task of `owner` to the argument `completed`, or toggles the field if the
    /// argument is `None`. Returns the changed task.
    ///
    /// # Errors
    /// Returns a [`TaskError`] if the owner has no such task or the store fails.
    pub async fn complete(&self, owner: &Owner, id: TaskId, completed: Option<bool>) -> Result<Task, TaskError> {
        let now = self.clock.now();
        let task = match completed {
            Some(_) => self.repo.update(owner, id, TaskPatch { completed, ..TaskPatch::default() }, now).await?,
            None => self.repo.toggle(owner, id, now).await?,
        };
        task.ok_or(TaskError::NotFound)
    }

    /// Deletes a task of `owner`.
    ///
    /// # Errors
    /// Returns a [`TaskError`] if the owner has no such task or the store fails.
    pub async fn delete(&self, owner: &Owner, id: TaskId) -> Result<(), TaskError> {
        if self.repo.delete(owner, id).await? { Ok(()) } else { Err(TaskError::NotFound) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::MockTaskRepo;
    use crate::tasks::{SortDirection, SortValue, TaskOrder, TaskPage, Title, TitlePrefix};
    use crate::testing::fixtures::{clock_at, moment, new_task, owner, task};

    const ID: i64 = 7;

    fn service(repo: MockTaskRepo) -> TaskService {
        TaskService::new(Arc::new(repo), Arc::new(clock_at(moment())))
    }

    #[tokio::test]
    async fn a_task_is_created_for_the_owner_at_the_time_of_the_clock() {
        let mut repo = MockTaskRepo::new();
        repo.expect_create()
            .withf(|owner, new, now| owner.id().as_str() == "alice" && *new == new_task() && *now == moment())
            .return_once(|_, _, _| Ok(task("alice", ID)));
        assert_eq!(service(repo).create(&owner("alice").await, new_task()).await.unwrap(), task("alice", ID));
    }

    #[tokio::test]
    async fn a_task_that_the_store_does_not_have_is_not_found() {
        let owner = owner("alice").await;
        let id = TaskId::new(ID);
        let patch = TaskPatch { title: Some(Title::parse("new").unwrap()), ..TaskPatch::default() };
        let mut repo = MockTaskRepo::new();
        repo.expect_find().returning(|_, _| Ok(None));
        repo.expect_update().returning(|_, _, _, _| Ok(None));
        repo.expect_toggle().returning(|_, _, _| Ok(None));
        repo.expect_delete().returning(|_, _| Ok(false));
        let service = service(repo);

        assert!(matches!(service.get(&owner, id).await, Err(TaskError::NotFound)));
        assert!(matches!(service.update(&owner, id, patch).await, Err(TaskError::NotFound)));
        assert!(matches!(service.update(&owner, id, TaskPatch::default()).await, Err(TaskError::NotFound)));
        assert!(matches!(service.complete(&owner, id, None).await, Err(TaskError::NotFound)));
        assert!(matches!(service.complete(&owner, id, Some(true)).await, Err(TaskError::NotFound)));
        assert!(matches!(service.delete(&owner, id).await, Err(TaskError::NotFound)));
    }

    #[tokio::test]
    async fn an_empty_patch_writes_nothing() {
        let mut repo = MockTaskRepo::new();
        repo.expect_find().return_once(|_, _| Ok(Some(task("alice", ID))));
        let same = service(repo).update(&owner("alice").await, TaskId::new(ID), TaskPatch::default()).await;
        assert_eq!(same.unwrap(), task("alice", ID));
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
            .return_once(|_, _| Ok(TaskPage { tasks: vec![task("alice", ID)], next: None }));
        repo.expect_delete().withf(|_, id| *id == TaskId::new(ID)).return_once(|_, _| Ok(true));
        let service = service(repo);
        let owner = owner("alice").await;
        let expected = TaskListing { tasks: vec![task("alice", ID)], next: None, total: Some(1) };
        assert_eq!(service.list(&owner, &query, TotalCount::IfKnown).await.unwrap(), expected);
        assert!(service.delete(&owner, TaskId::new(ID)).await.is_ok());
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
            let page = TaskPage { tasks: vec![task("alice", ID)], next };
            repo.expect_list().returning(move |_, _| Ok(page.clone()));
            repo.expect_count().times(usize::from(expected == Some(42))).returning(|_, _| Ok(42));
            let list = service(repo).list(&owner("alice").await, &query, total).await.unwrap();
            assert_eq!(list.total, expected, "{query:?} {total:?}");
        }
    }
}
