//! Failures of the database and of the network to it: a quick 503, no acknowledged write lost, and recovery without a
//! restart.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod abandoned;
mod failover;
mod ledger;
mod pooler;
mod postgres;
mod sqlite;
mod start;
mod tls;
mod watch;
