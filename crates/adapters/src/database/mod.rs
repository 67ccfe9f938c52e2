//! Stores users, sessions, signing keys, rate limits and tasks in SQLite or PostgreSQL, through sea-orm.
//!
//! - `url` parses a [`DatabaseUrl`]; `config` and `connect` open it as a [`Store`], which owns the connection pool.
//! - `repositories` implement the ports, once for both databases, with the rows in `entities`. [`owned`] has what the
//!   repositories of resources that belong to users have in common: the condition on the owner, in one place.
//! - `connection_pool` executes statements and transactions, with the names of the schema map. Below it, `sqlite` uses
//!   sqlx, and `postgres` tokio-postgres. `dedicated` gives a single connection to the migrator.
//! - `catalog` reads which columns a table has; `restrictions` finds those that mark a user as restricted, and
//!   `email_case` users whose address has capital letters.
//! - `diagnostics` examines a database without changing it. `problem` describes why a database cannot be used.
//! - `driver_error` converts the drivers' errors to sea-orm's, and `error` converts sea-orm's to those of the ports.

mod catalog;
mod config;
mod connect;
mod connection_pool;
mod dedicated;
mod diagnostics;
mod driver_error;
mod email_case;
mod entities;
mod error;
mod new_rows;
pub mod owned;
mod postgres;
mod problem;
mod repositories;
mod restrictions;
mod sqlite;
mod url;

pub use config::StoreConfig;
pub use connect::{OpenError, Store};
pub use diagnostics::{ConnectionLimits, ExposedPath, Inspection, PostgresFacts, SqliteFacts, inspect};
pub use email_case::CapitalizedEmails;
pub use entities::task::Entity as TaskEntity;
pub use problem::DatabaseProblem;
pub use repositories::{
    SeaIdentityRepo, SeaRateLimiter, SeaSessionRepo, SeaSigningKeyRepo, SeaTaskRepo, SeaUserAdminRepo,
};
pub use restrictions::{IgnoredColumn, RestrictionReport};
pub use url::{DatabaseUrl, InvalidDatabaseUrl, Pooler, Transport};
