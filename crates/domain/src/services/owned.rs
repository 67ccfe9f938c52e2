//! Resources of an owner.

use std::marker::PhantomData;
use std::sync::Arc;

use thiserror::Error;

use crate::access::Owner;
use crate::owned::{Id, OwnedResource, PageOf, ResourceName};
use crate::ports::{Clock, CreateError, OwnedRepo, StoreError};

/// Errors from reading or changing a resource.
#[derive(Debug, Error)]
pub enum ResourceError {
    /// The owner has no resource with this id.
    #[error("{} not found", .0.one)]
    NotFound(ResourceName),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads and changes the resources `R` of an [`Owner`], in a store of the type `P`.
pub struct OwnedService<R, P: ?Sized = dyn OwnedRepo<R>> {
    pub(super) repo: Arc<P>,
    pub(super) clock: Arc<dyn Clock>,
    resource: PhantomData<fn() -> R>,
}

impl<R: OwnedResource, P: OwnedRepo<R> + ?Sized> OwnedService<R, P> {
    /// Creates a service that uses these ports.
    #[must_use]
    pub fn new(repo: Arc<P>, clock: Arc<dyn Clock>) -> Self {
        Self { repo, clock, resource: PhantomData }
    }

    /// Returns a page of the resources of `owner`.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if the store fails.
    pub async fn page(&self, owner: &Owner, query: &R::Query) -> Result<PageOf<R>, StoreError> {
        self.repo.list(owner, query).await
    }

    /// Creates a resource of `owner`.
    ///
    /// # Errors
    /// Returns a [`CreateError`] if the owner does not exist or may not have more resources, or the store fails.
    pub async fn create(&self, owner: &Owner, new: R::New) -> Result<R, CreateError> {
        self.repo.create(owner, new, self.clock.now()).await
    }

    /// Returns a resource of `owner`.
    ///
    /// # Errors
    /// Returns a [`ResourceError`] if the owner has no such resource or the store fails.
    pub async fn get(&self, owner: &Owner, id: Id<R>) -> Result<R, ResourceError> {
        self.repo.find(owner, id).await?.ok_or(ResourceError::NotFound(R::NAME))
    }

    /// Applies `patch` to a resource of `owner` and returns the changed resource. An empty patch changes nothing, not even
    /// the time of the last change.
    ///
    /// # Errors
    /// Returns a [`ResourceError`] if the owner has no such resource or the store fails.
    pub async fn update(&self, owner: &Owner, id: Id<R>, patch: R::Patch) -> Result<R, ResourceError> {
        if patch == R::Patch::default() {
            return self.get(owner, id).await;
        }
        self.repo.update(owner, id, patch, self.clock.now()).await?.ok_or(ResourceError::NotFound(R::NAME))
    }

    /// Deletes a resource of `owner`.
    ///
    /// # Errors
    /// Returns a [`ResourceError`] if the owner has no such resource or the store fails.
    pub async fn delete(&self, owner: &Owner, id: Id<R>) -> Result<(), ResourceError> {
        if self.repo.delete(owner, id).await? { Ok(()) } else { Err(ResourceError::NotFound(R::NAME)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::MockOwnedRepo;
    use crate::tasks::{Task, TaskId, TaskPatch, Title};
    use crate::testing::fixtures::{clock_at, moment, new_task, owner, task};

    const ID: i64 = 7;

    fn service(repo: MockOwnedRepo<Task>) -> OwnedService<Task> {
        OwnedService::new(Arc::new(repo), Arc::new(clock_at(moment())))
    }

    #[tokio::test]
    async fn a_resource_is_created_for_the_owner_at_the_time_of_the_clock() {
        let mut repo = MockOwnedRepo::new();
        repo.expect_create()
            .withf(|owner, new, now| owner.id().as_str() == "alice" && *new == new_task() && *now == moment())
            .return_once(|_, _, _| Ok(task("alice", ID)));
        assert_eq!(service(repo).create(&owner("alice").await, new_task()).await.unwrap(), task("alice", ID));
    }

    #[tokio::test]
    async fn a_resource_that_the_store_does_not_have_is_not_found() {
        let owner = owner("alice").await;
        let id = TaskId::new(ID);
        let patch = TaskPatch { title: Some(Title::parse("new").unwrap()), ..TaskPatch::default() };
        let mut repo = MockOwnedRepo::new();
        repo.expect_find().returning(|_, _| Ok(None));
        repo.expect_update().returning(|_, _, _, _| Ok(None));
        repo.expect_delete().returning(|_, _| Ok(false));
        let service = service(repo);

        assert!(matches!(service.get(&owner, id).await, Err(ResourceError::NotFound(Task::NAME))));
        assert!(matches!(service.update(&owner, id, patch).await, Err(ResourceError::NotFound(Task::NAME))));
        assert!(matches!(
            service.update(&owner, id, TaskPatch::default()).await,
            Err(ResourceError::NotFound(Task::NAME))
        ));
        assert!(matches!(service.delete(&owner, id).await, Err(ResourceError::NotFound(Task::NAME))));
    }

    #[tokio::test]
    async fn an_empty_patch_writes_nothing() {
        let mut repo = MockOwnedRepo::new();
        repo.expect_find().return_once(|_, _| Ok(Some(task("alice", ID))));
        let same = service(repo).update(&owner("alice").await, TaskId::new(ID), TaskPatch::default()).await;
        assert_eq!(same.unwrap(), task("alice", ID));
    }
}
