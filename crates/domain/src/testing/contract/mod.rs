//! What every adapter of a port must pass, one suite per port.
//!
//! A suite is a set of functions, each an assertion of one promise in the port's docs; the macro of the suite
//! makes a `#[tokio::test]` of each. The expression it takes is evaluated anew for every test and gives a future
//! of something that dereferences to the adapter, together with whatever must live as long:
//!
//! ```text
//! mod in_memory {
//!     taskbridge_domain::task_repo_contract!(async { Box::new(InMemoryTaskRepo::default()) });
//! }
//! ```
#![expect(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic, reason = "for tests only")]

pub mod identity;
pub mod ids;
pub mod passwords;
pub mod rate_limiter;
pub mod sessions;
pub mod tasks;
pub mod tokens;

/// Makes a test of each named function of a suite. Used by the suites' own macros.
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
