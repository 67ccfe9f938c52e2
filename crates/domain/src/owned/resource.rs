//! Resources that belong to a user.

use std::fmt::Debug;

use super::id::Id;
use super::page::{ListQuery, Page};
use crate::time::Timestamp;
use crate::users::UserId;

/// The name of a kind of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceName {
    /// The name of one resource, such as `task`: lower-case ASCII letters.
    pub one: &'static str,
    /// The name of several, such as `tasks`.
    pub many: &'static str,
}

/// A resource that belongs to one user, such as a task. The store assigns its id, and keeps when it was created and
/// changed.
pub trait OwnedResource: Debug + Clone + PartialEq + Send + Sync + Sized + 'static {
    /// The name in messages.
    const NAME: ResourceName;

    /// The fields of a new resource that the caller sets.
    type New: Debug + Clone + PartialEq + Send + Sync + 'static;
    /// A partial update. The default changes nothing.
    type Patch: Debug + Clone + Default + PartialEq + Send + Sync + 'static;
    /// A query for a page of a list.
    type Query: ListQuery;

    /// Returns the resource that a store creates from `new` for the user `owner`.
    fn create(id: Id<Self>, owner: UserId, new: Self::New, now: Timestamp) -> Self;

    /// Returns the id.
    fn id(&self) -> Id<Self>;

    /// Returns the resource after an update at the time `updated_at`.
    #[must_use]
    fn patched(self, patch: Self::Patch, updated_at: Timestamp) -> Self;
}

/// A position in a list of resources `R`.
pub type CursorOf<R> = <<R as OwnedResource>::Query as ListQuery>::Cursor;

/// A page of a list of resources `R`.
pub type PageOf<R> = Page<R, CursorOf<R>>;
