//! The rows: Better Auth's tables under its names, and ours.
//!
//! Text columns are selected as `text`: in the table they may be `uuid`, `citext`, an enum or an integer.
//! A type that is not built in would make tokio-postgres look it up with a named statement.

/// Implements `Debug`, which sea-orm requires, for rows with addresses, tokens or hashes: only the id is shown.
macro_rules! debug_shows_the_id {
    () => {
        impl std::fmt::Debug for Model {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Model").field("id", &self.id).finish_non_exhaustive()
            }
        }
    };
}
use debug_shows_the_id;

pub(super) mod account;
pub(super) mod column_types;
pub(super) mod jwks;
pub(super) mod rate_limit;
pub(super) mod session;
pub(super) mod task;
pub(super) mod user;
