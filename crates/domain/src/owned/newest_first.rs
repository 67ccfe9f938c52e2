//! Lists in the order of creation.

use super::page::{ListQuery, PageSize};
use crate::time::PreciseTimestamp;

/// A query for a page of a list without filters, newest first. Resources that were created at the same time are sorted by
/// id, in descending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewestFirst {
    /// The position after which the page starts; `None` for the first page.
    pub after: Option<CreationCursor>,
    /// Maximum number of resources on the page.
    pub limit: PageSize,
}

/// A position in a list that is sorted by creation: directly after the resource with this time and this id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreationCursor {
    /// The time at which the resource was created.
    pub created_at: PreciseTimestamp,
    /// The id of the resource, as a number.
    pub id: i64,
}

impl ListQuery for NewestFirst {
    type Cursor = CreationCursor;

    fn page(start: Option<CreationCursor>, limit: PageSize) -> Self {
        Self { after: start, limit }
    }

    fn limit(&self) -> PageSize {
        self.limit
    }

    fn reads_only_its_page(&self) -> bool {
        true
    }
}
