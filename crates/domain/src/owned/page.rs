//! Pages of lists.

/// Maximum number of resources on a page: 1 to 1,000; the default is 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The largest page size.
    pub const MAX: u16 = 1000;

    /// Creates a page size. Returns `None` if `count` is not between 1 and [`Self::MAX`].
    #[must_use]
    pub fn new(count: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&count).then_some(Self(count))
    }

    /// Returns the maximum number of resources on the page.
    #[must_use]
    pub fn count(self) -> u16 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(500)
    }
}

/// A page of a list of resources `R`. A cursor `C` is a position in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<R, C> {
    /// The resources, in the order of the list.
    pub items: Vec<R>,
    /// The position at which the next page starts; `None` if this is the last page.
    pub next: Option<C>,
}

/// A query for a page of a list.
pub trait ListQuery: Default + Send + Sync + 'static {
    /// A position in the list: directly after one of its resources. It stays valid when resources are created or
    /// deleted, also if that resource is deleted.
    type Cursor: Clone + Send + Sync + 'static;

    /// Returns the query for a page of the list with all resources in their usual order.
    fn page(start: Option<Self::Cursor>, limit: PageSize) -> Self;

    /// Returns the maximum number of resources on the page.
    fn limit(&self) -> PageSize;

    /// Returns `true` if a store reads only the resources on the page, by an index.
    fn reads_only_its_page(&self) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_one_to_a_thousand_resources() {
        assert_eq!(PageSize::new(0), None);
        assert_eq!(PageSize::new(1).unwrap().count(), 1);
        assert_eq!(PageSize::new(1000).unwrap().count(), 1000);
        assert_eq!(PageSize::new(1001), None);
        assert_eq!(PageSize::default().count(), 500);
    }
}
