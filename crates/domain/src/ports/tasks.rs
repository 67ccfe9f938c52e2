//! The store of tasks.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::access::Owner;
use crate::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use crate::time::Timestamp;

/// Errors from creating a task.
#[derive(Debug, Error)]
pub enum CreateTaskError {
    /// The owner does not exist or has been deleted. Only a store that also contains the users returns this error.
    #[error("the owner of the task does not exist")]
    UnknownOwner,
    /// The owner has as many tasks as are allowed.
    #[error("the owner has the maximum number of tasks")]
    LimitReached,
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores tasks. Each belongs to one owner.
///
/// Every method must be atomic and filter by the owner in the statement itself. For a task of another user, it must
/// change nothing and return the same result as for a task that does not exist.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TaskRepo: Send + Sync {
    /// Returns a page of the tasks of `owner` that match the filter, in the order of the query, at most `query.limit`.
    ///
    /// [`TaskPage::next`] must be the position after the last task if there are more, and `None` otherwise.
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError>;

    /// Returns the number of tasks of `owner` that match the filter.
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError>;

    /// Returns the task with this id if it belongs to `owner`, otherwise `None`.
    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError>;

    /// Creates a task and returns it. `created_at` and `updated_at` must be `now`. The id must be one that no task has
    /// ever had.
    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError>;

    /// Applies `patch` to a task of `owner` and returns the changed task; `None` if `owner` has no such task.
    ///
    /// `updated_at` must become `now` or, if `now` is not later than the stored value, one millisecond more than that
    /// value.
    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError>;

    /// Toggles `completed` of a task of `owner` and returns the changed task. Changes `updated_at` as
    /// [`update`](Self::update) does. Each of several concurrent calls must take effect.
    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError>;

    /// Deletes a task of `owner`. Returns `true` if the task existed. Of several concurrent calls, exactly one must
    /// return `true`.
    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError>;
}
