//! For tests, here and in every crate that implements or uses a port (feature `testing`): fixtures, and the
//! contract suite of each port. The mocks are in [`crate::ports`], each beside its trait.

pub mod contract;
pub mod fixtures;
