//! Fixtures, contract suites and an in-memory store, for the tests of this crate and of every crate that implements or uses a port (feature
//! `testing`). The mocks are in [`crate::ports`], each next to its trait.

pub mod contract;
pub mod fixtures;
pub mod in_memory;
