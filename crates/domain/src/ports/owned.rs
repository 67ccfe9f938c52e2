//! The store of a resource that belongs to a user.

use async_trait::async_trait;
use thiserror::Error;

use super::store::StoreError;
use crate::access::Owner;
use crate::owned::{Id, OwnedResource, PageOf, ResourceName};
use crate::time::Timestamp;

/// Errors from creating a resource.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The owner does not exist or has been deleted. Only a store that also contains the users returns this error.
    #[error("the owner does not exist")]
    UnknownOwner,
    /// The owner has as many resources as are allowed.
    #[error("the owner has the maximum number of {}", .0.many)]
    LimitReached(ResourceName),
    /// The store failed; see [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores resources `R`. Each belongs to one owner.
///
/// Every method must be atomic and filter by the owner in the statement itself. For a resource of another user, it must
/// change nothing and return the same result as for a resource that does not exist.
#[async_trait]
pub trait OwnedRepo<R: OwnedResource>: Send + Sync {
    /// Returns a page of the resources of `owner` that match the query, in its order, at most [its
    /// limit](crate::owned::ListQuery::limit).
    ///
    /// [`Page::next`](crate::owned::Page::next) must be the position after the last resource if there are more, and `None`
    /// otherwise.
    async fn list(&self, owner: &Owner, query: &R::Query) -> Result<PageOf<R>, StoreError>;

    /// Returns the resource with this id if it belongs to `owner`, otherwise `None`.
    async fn find(&self, owner: &Owner, id: Id<R>) -> Result<Option<R>, StoreError>;

    /// Creates a resource and returns it: the times of its creation and of its last change must be `now`. The id must be
    /// one that no resource has ever had.
    async fn create(&self, owner: &Owner, new: R::New, now: Timestamp) -> Result<R, CreateError>;

    /// Applies `patch` to a resource of `owner` and returns the changed resource; `None` if `owner` has no such resource.
    ///
    /// The time of its last change must become `now` or, if `now` is not later than the stored time, one millisecond more
    /// than that time.
    async fn update(&self, owner: &Owner, id: Id<R>, patch: R::Patch, now: Timestamp) -> Result<Option<R>, StoreError>;

    /// Deletes a resource of `owner`. Returns `true` if the resource existed. Of several concurrent calls, exactly one must
    /// return `true`.
    async fn delete(&self, owner: &Owner, id: Id<R>) -> Result<bool, StoreError>;
}

#[cfg(any(test, feature = "testing"))]
mockall::mock! {
    /// A mock of [`OwnedRepo`].
    pub OwnedRepo<R: OwnedResource> {}

    #[async_trait]
    impl<R: OwnedResource> OwnedRepo<R> for OwnedRepo<R> {
        async fn list(&self, owner: &Owner, query: &R::Query) -> Result<PageOf<R>, StoreError>;
        async fn find(&self, owner: &Owner, id: Id<R>) -> Result<Option<R>, StoreError>;
        async fn create(&self, owner: &Owner, new: R::New, now: Timestamp) -> Result<R, CreateError>;
        async fn update(&self, owner: &Owner, id: Id<R>, patch: R::Patch, now: Timestamp)
            -> Result<Option<R>, StoreError>;
        async fn delete(&self, owner: &Owner, id: Id<R>) -> Result<bool, StoreError>;
    }
}
