//! A rolling upgrade from the previous release to this one and back, on one database and while clients work.
//!
//! `make upgrade` builds the previous release and runs these tests.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test may panic and print")]

mod client;
mod load;
mod migration;
mod releases;
mod replicas;
mod upgrade;
