//! Users, sessions and tasks in a relational database, through sea-orm.
//!
//! - [`Store`] opens the database and owns its connections.
//! - `connection` is the one place that knows how a database writes dates.
//! - `entities` are the rows, each with its mapping to the model; nothing outside of this module sees one.

mod connection;
mod entities;
mod error;
mod identity_repo;
mod store;
mod task_repo;

pub use identity_repo::SeaIdentityRepo;
pub use store::{OpenError, Store, StoreConfig};
pub use task_repo::SeaTaskRepo;
