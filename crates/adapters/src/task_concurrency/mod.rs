//! Limits how many statements on tasks run at the same time.

mod limits;
mod serial_rate_limiter;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::ports::{CreateTaskError, StoreError, TaskRepo};
use taskbridge_domain::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use taskbridge_domain::{Owner, Timestamp};

use self::limits::{Extent, Limits};
pub use self::limits::{TaskConcurrency, TaskLoad};
pub use self::serial_rate_limiter::SerialRateLimiter;

/// A [`TaskRepo`] that limits how many statements run at the same time on another repository: the statements of each
/// owner, and the searches of all owners together.
///
/// The other statements wait before they use a database connection, so that they do not delay the statements of other
/// owners. The statements of an owner run in the order of their arrival. Searches are the statements that may read all
/// tasks of an owner; owners whose searches wait take turns. The search of an owner that waits for its turn is one of the
/// statements of this owner. A statement that waits for too long fails with [`StoreError::Busy`].
///
/// A statement counts until the database has ended it, also if its future was dropped. Only reads on shared connections,
/// which never wait there for long, count until their future is dropped.
pub struct ConcurrencyLimitedTaskRepo<R> {
    repo: R,
    limits: Arc<Limits>,
}

impl<R: TaskRepo> ConcurrencyLimitedTaskRepo<R> {
    /// Limits the statements on `repo`.
    pub fn new(repo: R, config: TaskConcurrency) -> Self {
        Self { repo, limits: Arc::new(Limits::new(config)) }
    }

    /// Returns how many statements wait or were refused. The numbers change while the repository is used.
    pub fn load(&self) -> Arc<TaskLoad> {
        Arc::clone(&self.limits.load)
    }

    /// Runs `statement` as soon as the limits allow it.
    async fn limited<T, E: From<StoreError>>(
        &self,
        owner: &Owner,
        extent: Extent,
        statement: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.limits.admit(owner.id().as_str(), extent).await?.scope(statement).await
    }
}

/// Returns how many tasks a list reads.
fn extent(query: &TaskQuery) -> Extent {
    if query.reads_only_its_page() { Extent::Page } else { Extent::All }
}

#[async_trait]
impl<R: TaskRepo> TaskRepo for ConcurrencyLimitedTaskRepo<R> {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.limited(owner, extent(query), self.repo.list(owner, query)).await
    }

    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        self.limited(owner, Extent::All, self.repo.count(owner, filter)).await
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.find(owner, id)).await
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError> {
        self.limited(owner, Extent::Page, self.repo.create(owner, task, now)).await
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.update(owner, id, patch, now)).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.toggle(owner, id, now)).await
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        self.limited(owner, Extent::Page, self.repo.delete(owner, id)).await
    }
}
