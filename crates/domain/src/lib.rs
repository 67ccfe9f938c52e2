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
//! # Extending the crate
//!
//! `docs/extending.md` has the complete recipes. In this crate:
//!
//! - A field of tasks: [`tasks::Task`], [`tasks::NewTask`] and [`tasks::TaskPatch`] in `tasks/task.rs`; for a filter of lists
//!   also [`tasks::TaskFilter`]; and in `testing/fixtures.rs` a value other than its default, and a second one in the patch of
//!   all fields, so that the contract suite covers it. The compiler leads to every other place.
//! - A use case: a method of a service in [`services`], with unit tests that use the mocks of the ports.
//! - A port: a trait in `ports/`, `Send + Sync`, with methods that take `&self`, no constructor, `#[async_trait]` if it does
//!   I/O, and `mockall::automock` with the feature `testing`. Each sentence of its documentation has an assertion in a suite in
//!   `testing/contract/`, which every adapter passes.
//! - Another resource that belongs to users: it implements [`owned::OwnedResource`]. [`ports::OwnedRepo`],
//!   [`services::OwnedService`] and the contract suite `owned_repo_contract!` then exist for it. Tasks are such a resource, with
//!   operations of their own in [`ports::TaskRepo`] and [`services::TaskService`].

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
