//! Limits how many statements on the resources of users run at the same time.

mod limits;
mod serial_rate_limiter;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::owned::{Id, ListQuery, OwnedResource, PageOf};
use taskbridge_domain::ports::{CreateError, OwnedRepo, StoreError, TaskRepo};
use taskbridge_domain::tasks::{Task, TaskFilter, TaskId};
use taskbridge_domain::{Owner, Timestamp};

use self::limits::{Extent, Limits};
pub use self::limits::{StatementLimits, StatementLoad};
pub use self::serial_rate_limiter::SerialRateLimiter;

/// The permits to execute statements, which several repositories can share. Clones have the same permits.
#[derive(Clone)]
pub struct StatementPermits(Arc<Limits>);

impl StatementPermits {
    /// Creates permits with these limits.
    #[must_use]
    pub fn new(limits: StatementLimits) -> Self {
        Self(Arc::new(Limits::new(limits)))
    }

    /// Returns how many statements wait or were refused. The numbers change while the permits are used.
    #[must_use]
    pub fn load(&self) -> Arc<StatementLoad> {
        Arc::clone(&self.0.load)
    }
}

/// An [`OwnedRepo`] that limits how many statements run at the same time on another repository: the statements of each
/// owner, and the searches of all owners together.
///
/// The other statements wait before they use a database connection, so that they do not delay the statements of other
/// owners. The statements of an owner run in the order of their arrival. Searches are the statements that may read all
/// resources of an owner; owners whose searches wait take turns. The search of an owner that waits for its turn is one of
/// the statements of this owner. A statement that waits for too long fails with [`StoreError::Busy`].
///
/// A statement counts until the database has ended it, also if its future was dropped. Only reads on shared connections,
/// which never wait there for long, count until their future is dropped.
pub struct ConcurrencyLimitedRepo<R> {
    repo: R,
    permits: StatementPermits,
}

impl<R> ConcurrencyLimitedRepo<R> {
    /// Limits the statements on `repo`.
    pub fn new(repo: R, permits: StatementPermits) -> Self {
        Self { repo, permits }
    }

    /// Runs `statement` as soon as the limits allow it.
    async fn limited<T, E: From<StoreError>>(
        &self,
        owner: &Owner,
        extent: Extent,
        statement: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.permits.0.admit(owner.id().as_str(), extent).await?.scope(statement).await
    }
}

/// Returns how many resources a list reads.
fn extent(query: &impl ListQuery) -> Extent {
    if query.reads_only_its_page() { Extent::Page } else { Extent::All }
}

#[async_trait]
impl<T: OwnedResource, R: OwnedRepo<T>> OwnedRepo<T> for ConcurrencyLimitedRepo<R> {
    async fn list(&self, owner: &Owner, query: &T::Query) -> Result<PageOf<T>, StoreError> {
        self.limited(owner, extent(query), self.repo.list(owner, query)).await
    }

    async fn find(&self, owner: &Owner, id: Id<T>) -> Result<Option<T>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.find(owner, id)).await
    }

    async fn create(&self, owner: &Owner, new: T::New, now: Timestamp) -> Result<T, CreateError> {
        self.limited(owner, Extent::Page, self.repo.create(owner, new, now)).await
    }

    async fn update(&self, owner: &Owner, id: Id<T>, patch: T::Patch, now: Timestamp) -> Result<Option<T>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.update(owner, id, patch, now)).await
    }

    async fn delete(&self, owner: &Owner, id: Id<T>) -> Result<bool, StoreError> {
        self.limited(owner, Extent::Page, self.repo.delete(owner, id)).await
    }
}

#[async_trait]
impl<R: TaskRepo> TaskRepo for ConcurrencyLimitedRepo<R> {
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        self.limited(owner, Extent::All, self.repo.count(owner, filter)).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        self.limited(owner, Extent::Page, self.repo.toggle(owner, id, now)).await
    }
}
