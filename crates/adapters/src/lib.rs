//! Implementations of the domain's ports, one module for each technology.
//!
//! | port | adapter |
//! | --- | --- |
//! | `AuthPort` | [`jwt::JwtVerifier`] |
//! | `TokenIssuer` | [`jwt::JwtIssuer`] |
//! | `OwnedRepo` | [`database::owned::SeaOwnedRepo`], behind [`concurrency::ConcurrencyLimitedRepo`] |
//! | `TaskRepo` | [`database::SeaTaskRepo`], the same for tasks |
//! | `IdentityRepo` | [`database::SeaIdentityRepo`] |
//! | `SessionRepo` | [`database::SeaSessionRepo`] |
//! | `StoreProbe` | [`database::Store`] |
//! | `RateLimiter` | [`rate_limiter::InMemoryRateLimiter`], [`database::SeaRateLimiter`], [`concurrency::SerialRateLimiter`] |
//! | `PasswordHasher` | [`passwords::ThreadedPasswordHasher`] |
//! | `Clock` | [`clock::SystemClock`] |
//! | `IdGenerator` | [`ids::SecureIds`] |
//!
//! This crate contains no HTTP handlers and reads no settings: each adapter has its own plain configuration struct.
//! The types of a technology (rows, drivers, keys) stay inside its module.
//!
//! # To add an adapter
//!
//! 1. Write a module that implements the port; `testing/in_memory.rs` of the domain crate is a small example. An adapter
//!    without a query language gets the page of a list from `TaskQuery::page_of`.
//! 2. Run the port's contract suite on it: a few lines in `tests/contract/main.rs`. The suite of tasks also closes the store
//!    and opens it again. The documentation of the suites says what a crate outside of this workspace needs for it.
//! 3. Construct it in the server's `compose` module.
//!
//! # To add a column of a table
//!
//! Add it to the entity in `database/entities`, which destructures all fields, so that the compiler leads to each place. The
//! table of another resource is an entity that implements [`database::owned::OwnedEntity`]. `docs/extending.md` has the complete
//! recipes.

pub mod clock;
pub mod concurrency;
pub mod database;
pub mod ids;
pub mod jwt;
pub mod passwords;
pub mod rate_limiter;
mod statement_permit;
