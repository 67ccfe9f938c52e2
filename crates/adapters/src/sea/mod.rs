//! Users, sessions and tasks in a relational database, through sea-orm.
//!
//! - [`DatabaseUrl`] says which database, [`Store`] opens it and owns its connections.
//! - `connection` is what sea-orm's queries run on: the same for SQLite and PostgreSQL, `sqlite` and `postgres`,
//!   with its `pool`, below.
//! - `inspection` looks at a database and changes nothing.
//! - `entities` are the rows, each with its mapping to the model; nothing outside of this module sees one.

mod connection;
mod entities;
mod error;
mod identity_repo;
mod inspection;
mod key_repo;
mod pool;
mod postgres;
mod rate_limiter;
mod session_repo;
mod sqlite;
mod store;
mod task_repo;
mod url;

pub use identity_repo::SeaIdentityRepo;
pub use inspection::{ConnectionLimits, Inspection, InspectionError, PostgresFacts, SqliteFacts, inspect};
pub use key_repo::SeaKeyRepo;
pub use rate_limiter::SeaRateLimiter;
pub use session_repo::SeaSessionRepo;
pub use store::{OpenError, Store, StoreConfig};
pub use task_repo::SeaTaskRepo;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};
