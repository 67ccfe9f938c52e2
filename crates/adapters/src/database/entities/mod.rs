//! Rows of the tables, and their conversion from and to the types of the domain.
//!
//! The entities of Better Auth's tables have markers as names, such as `better_auth.user` and `user.email`, because
//! databases name these tables and columns in different ways. [`taskbridge_schema::Rewriter`] replaces the markers.
//!
//! Text columns are selected as `text`, because the column may have the type `uuid`, `citext`, an enum or an integer.
//! Without the cast, tokio-postgres would also have to look up each type that is not built into PostgreSQL. It does so
//! with a named statement, which must not be used behind a pooler.

/// Implements `Debug`, which sea-orm requires. The output shows only the id, and no email address, token or hash.
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
#[cfg(test)]
mod tests;
pub(super) mod user;
pub(super) mod user_id;
