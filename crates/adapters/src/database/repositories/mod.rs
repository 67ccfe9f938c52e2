//! Implementations of the storage ports with sea-orm's entities and query builder, for both databases.

mod batches;
mod identity;
mod rate_limit;
mod session;
mod signing_key;
mod task;
mod user_admin;

pub use identity::SeaIdentityRepo;
pub use rate_limit::SeaRateLimiter;
pub use session::SeaSessionRepo;
pub use signing_key::SeaSigningKeyRepo;
pub use task::SeaTaskRepo;
pub use user_admin::SeaUserAdminRepo;
