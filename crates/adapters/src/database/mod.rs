//! Users, sessions and tasks in a relational database, through sea-orm.
//!
//! - [`DatabaseUrl`] says which database; [`Store`] opens it and owns its connections.
//! - `repositories` implement the ports, once for SQLite and PostgreSQL. `entities` are their rows, each with its mapping
//!   to the model.
//! - `connection` and `transaction` are what the queries run on. Below them, `sqlite` uses sqlx and `postgres`
//!   tokio-postgres.
//! - `catalog` reads what not every schema has: `restrictions` are columns that keep users out.
//! - `diagnostics` examines a database and changes nothing. `problem` says why one cannot be used, and what helps.

mod catalog;
mod config;
mod connect;
mod connection_pool;
mod dedicated;
mod diagnostics;
mod driver_error;
mod entities;
mod error;
mod postgres;
mod problem;
mod repositories;
mod restrictions;
mod sqlite;
mod transaction;
mod url;

pub use config::StoreConfig;
pub use connect::{OpenError, Store};
pub use diagnostics::{ConnectionLimits, ExposedPath, Inspection, PostgresFacts, SqliteFacts, inspect};
pub use problem::DatabaseProblem;
pub use repositories::{SeaIdentityRepo, SeaKeyRepo, SeaRateLimiter, SeaSessionRepo, SeaTaskRepo};
pub use restrictions::{IgnoredColumn, RestrictionReport};
pub use url::{DatabaseUrl, InvalidDatabaseUrl, Pooler, Transport};
