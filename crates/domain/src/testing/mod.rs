//! Fixtures, contract suites and an in-memory store (feature `testing`).
//!
//! They are for the tests of this crate and of every crate that implements or uses a port. The mocks of the ports are
//! in [`crate::ports`], each next to its trait.

pub mod contract;
pub mod fixtures;
pub mod in_memory;
