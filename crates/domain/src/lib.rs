//! The model of Taskbridge, what it needs from the outside and what it does.
//!
//! This crate knows no I/O, no framework, no ORM and no wire format: everything outside is behind a
//! port (a trait in [`ports`]), everything it does is a concrete service over ports ([`services`]).
//! The arrow inside is `services → access, ports → tasks, users, sessions`.
//!
//! # Isolation is a type
//!
//! Whoever wants a task needs an [`Owner`]. The only way to one leads from a token through
//! [`Authenticator::authenticate`] to a [`Principal`] and through [`Principal::owner_of`], which compares
//! the caller with the user the request names. No other code can make one:
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
//! A method of the store does not take a bare id in its place:
//!
//! ```compile_fail,E0308
//! use taskbridge_domain::{UserId, ports::TaskRepo, tasks::TaskId};
//! async fn leak(repo: &dyn TaskRepo, victim: &UserId, id: TaskId) {
//!     let _ = repo.find(victim, id).await;
//! }
//! ```
//!
//! # To add a field to `Task`
//!
//! 1. `tasks/task.rs`: the field in [`tasks::Task`], and in [`tasks::NewTask`] and [`tasks::TaskPatch`] if callers set it.
//! 2. `testing/fixtures.rs`: a value other than the default, so that the contract's round trip covers it.
//! 3. A migration, the entity row, the DTO: the compiler lists them, because every mapping destructures in full.
//!
//! # To add a use case
//!
//! 1. A method on a service in [`services`], with unit tests on the ports' mocks.
//! 2. If it needs something new of the outside: a method on a port, its assertion in the contract suite
//!    (`testing/contract`), one implementation per adapter.
//!
//! # To add a port
//!
//! 1. A trait in `ports/`, `#[async_trait]`, `Send + Sync`, `&self`, no constructor, with `automock` behind
//!    the feature `testing`. Its docs are the contract: each sentence has its assertion in the suite.
//! 2. A contract suite in `testing/contract/`; every adapter runs it.

pub mod access;
pub mod ports;
pub mod random_id;
pub mod rate_limit;
pub mod secret;
pub mod services;
pub mod sessions;
pub mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod users;

pub use access::{AccessError, Authenticator, Owner, Principal};
pub use time::Timestamp;
pub use users::UserId;

/// An adapter's reason for a failure: for the log only, never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Gives a secret newtype a `Debug` that shows its name and nothing of its content.
macro_rules! redacted {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}
pub(crate) use redacted;

/// A text that is a secret: taken over as it is, shown by [`redacted`] only.
macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);
        crate::redacted!($name);

        impl $name {
            /// Takes over a text.
            #[must_use]
            pub fn new(text: String) -> Self {
                Self(text)
            }

            /// The text.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }
        }
    };
}
pub(crate) use secret_text;
