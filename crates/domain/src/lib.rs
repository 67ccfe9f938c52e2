//! The model, the rules and the use cases of Taskbridge.
//!
//! This crate performs no I/O and depends on no framework, ORM or wire format. It reaches databases, signing keys and
//! the clock through the traits in [`ports`], which the adapters implement. The [`services`] are concrete structs that
//! use these traits. Inside the crate, dependencies point in one direction:
//! `services → ports, access → tasks, sessions → owned → users → text, time`.
//!
//! # Access to tasks requires an `Owner`
//!
//! All access to tasks requires an [`Owner`]. [`Authenticator::authenticate`] verifies a token and returns a
//! [`Principal`]. [`Principal::owner_of`] compares the principal with the user that the request names, and returns the
//! [`Owner`] if they are the same.
//! No other code can construct an [`Owner`] or a [`Principal`]:
//!
//! ```compile_fail,E0423
//! use taskbridge_domain::{Owner, UserId};
//! let forged = Owner(UserId::parse("victim").unwrap());
//! ```
//!
//! ```compile_fail,E0451
//! use taskbridge_domain::{Principal, UserId};
//! let forged = Principal { id: UserId::parse("victim").unwrap() };
//! ```
//!
//! The methods of [`TaskRepo`](ports::TaskRepo) do not accept a [`UserId`] in place of an [`Owner`]:
//!
//! ```compile_fail,E0308
//! use taskbridge_domain::{UserId, ports::TaskRepo, tasks::TaskId};
//! async fn leak(repo: &dyn TaskRepo, victim: &UserId, id: TaskId) {
//!     let _ = repo.find(victim, id).await;
//! }
//! ```
//!
//! # Adding a field to `Task`
//!
//! 1. In `tasks/task.rs`, add it to [`tasks::Task`] and, if callers set it, to [`tasks::NewTask`] and [`tasks::TaskPatch`]. If
//!    lists can be filtered by it, add it to [`tasks::TaskFilter`].
//! 2. In `testing/fixtures.rs`, give it a value other than its default, and a second value in the patch of all fields, so
//!    that the contract suite covers it.
//! 3. Fix the compiler errors in the database entity and the API types. Each of them destructures all fields, so that the
//!    compiler finds each place that lacks the new one.
//! 4. Write a migration that adds the column.
//!
//! # Adding a use case
//!
//! 1. Add a method to a service in [`services`], with unit tests that use the mocks of the ports.
//! 2. If the method needs something that no port offers, add a method to a port, test the documented behavior in the
//!    port's contract suite (`testing/contract`), and implement the method in every adapter.
//!
//! # Adding a port
//!
//! 1. Add a trait to `ports/`: `Send + Sync`, methods that take `&self`, no constructor, `#[async_trait]` if it does
//!    I/O, and `mockall::automock` with the feature `testing`. The documentation of the trait is a contract: each
//!    sentence about behavior has an assertion in the contract suite.
//! 2. Add a contract suite to `testing/contract/`, and run it for every adapter.

pub mod access;
pub mod client_network;
pub mod owned;
pub mod ports;
pub mod random_id;
pub mod rate_limit;
mod redacted;
pub mod secret;
pub mod services;
pub mod sessions;
pub mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
pub mod users;

pub use access::{AccessError, Authenticator, Owner, Principal};
pub use time::Timestamp;
pub use users::UserId;

/// The cause of an adapter's error. It is logged and never sent to a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
