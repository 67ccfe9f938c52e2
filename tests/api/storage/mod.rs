//! What depends on the database: `make test` runs these on SQLite, on PostgreSQL and through pgbouncer.
//!
//! A test belongs here if another database could change its result: because it reads back what it wrote, counts on a
//! constraint, a comparison or an order of the database, or writes at the same time as another. All other tests of this
//! program run on SQLite alone: parsing, CORS, tokens, rate limits in memory, settings and commands end before the
//! database is asked, or ask it something that a test here asks, too. What each port must do is tested once more for
//! each database in `crates/adapters/tests/contract`.

mod crash;
mod keys;
mod lists;
mod logs;
mod owners;
mod rate_limits;
mod sessions;
mod sign_up;
mod tasks;
mod transcript;
mod users;
