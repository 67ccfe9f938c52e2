//! A suite of tests for each port, which every adapter of the port must pass.
//!
//! A suite is a set of functions, each of which asserts one promise of the port's documentation. The macro of the suite
//! turns each function into a `#[tokio::test]`. The argument of the macro is evaluated anew for every test. It must be
//! a future whose output dereferences to the adapter. The output can also own what the adapter needs, such as a
//! database.
//!
//! The suites of resources also need an asynchronous closure that closes the store and opens it again:
//!
//! ```text
//! mod in_a_file {
//!     taskbridge_domain::task_repo_contract!(async { FileTaskRepo::in_new_folder() }, async |repo| repo.reopened());
//! }
//! ```
//!
//! A crate with such tests has these dependencies for its tests. The features of tokio are those of `#[tokio::test]`:
//!
//! ```toml
//! [dev-dependencies]
//! taskbridge-domain = { path = "../taskbridge/crates/domain", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic, reason = "for tests only")]

pub mod identity;
pub mod ids;
pub mod owned;
pub mod passwords;
pub mod rate_limiter;
pub mod sessions;
pub mod tasks;
pub mod tokens;
pub mod user_admin;

/// Turns each named function of a suite into a test. Used by the macros of the suites.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $subject:expr, [$($name:ident),* $(,)?]) => {
        $(
            #[tokio::test]
            async fn $name() {
                let subject = $subject.await;
                $crate::testing::contract::$suite::$name(&*subject).await;
            }
        )*
    };
}
