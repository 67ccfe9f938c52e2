//! The store of tasks.

use async_trait::async_trait;

use super::owned::OwnedRepo;
use super::store::StoreError;
use crate::access::Owner;
use crate::tasks::{Task, TaskFilter, TaskId};
use crate::time::Timestamp;

/// Stores tasks: an [`OwnedRepo`] with the operations that only tasks have. What an [`OwnedRepo`] must do for every
/// resource holds for these operations, too.
#[async_trait]
pub trait TaskRepo: OwnedRepo<Task> {
    /// Returns the number of tasks of `owner` that match the filter.
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError>;

    /// Toggles `completed` of a task of `owner` and returns the changed task. Changes `updated_at` as
    /// [`update`](OwnedRepo::update) does. Each of several concurrent calls must take effect.
    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError>;
}

#[cfg(any(test, feature = "testing"))]
use super::owned::CreateError;
#[cfg(any(test, feature = "testing"))]
use crate::tasks::{NewTask, TaskPage, TaskPatch, TaskQuery};

#[cfg(any(test, feature = "testing"))]
mockall::mock! {
    /// A mock of [`TaskRepo`].
    pub TaskRepo {}

    #[async_trait]
    impl OwnedRepo<Task> for TaskRepo {
        async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError>;
        async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError>;
        async fn create(&self, owner: &Owner, new: NewTask, now: Timestamp) -> Result<Task, CreateError>;
        async fn update(&self, owner: &Owner, id: TaskId, patch: TaskPatch, now: Timestamp)
            -> Result<Option<Task>, StoreError>;
        async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError>;
    }

    #[async_trait]
    impl TaskRepo for TaskRepo {
        async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError>;
        async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError>;
    }
}
