//! The rows: Better Auth's tables under its names, and ours.

/// sea-orm wants rows to be `Debug`; those with addresses, tokens and hashes show nothing but their id.
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
pub(super) mod jwks;
pub(super) mod rate_limit;
pub(super) mod session;
pub(super) mod task;
pub(super) mod user;
