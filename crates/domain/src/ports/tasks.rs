//! The store of tasks.

use async_trait::async_trait;
use thiserror::Error;

use super::StoreError;
use crate::access::Owner;
use crate::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use crate::time::Timestamp;

/// Why a task was not added.
#[derive(Debug, Error)]
pub enum CreateTaskError {
    /// The store keeps its users, and the owner is not among them (any more).
    #[error("the owner of the task does not exist")]
    UnknownOwner,
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps tasks, each of one owner.
///
/// Every method is one atomic step and carries the owner in the statement itself: a task of somebody else MUST be
/// answered exactly as one that is not there, and MUST stay as it was.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait TaskRepo: Send + Sync {
    /// Those of the owner's tasks that the filter admits, in the order of the query, from its start on, at most
    /// `query.limit`. `next` MUST be the place behind the last of them exactly when there are more.
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError>;

    /// How many of the owner's tasks the filter admits.
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError>;

    /// One task of the owner's.
    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError>;

    /// Adds a task; `created_at` and `updated_at` MUST be `now`, the id MUST never have been in use.
    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError>;

    /// Changes what the patch names, and nothing else; `updated_at` MUST become `now`, or a millisecond more
    /// than it was if `now` is not later. Answers the task as it is after the change.
    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError>;

    /// Turns `completed` round; `updated_at` as for [`TaskRepo::update`]. Of calls made at the same time each
    /// MUST take effect.
    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError>;

    /// Removes a task; `true` for exactly one of any number of calls.
    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError>;
}
