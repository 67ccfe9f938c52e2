//! What happens when something below breaks: a quick and friendly 503, no acknowledged write lost, recovery by itself.
//! (Q2 to Q4; attack group M, and the races of K at the first start)
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
