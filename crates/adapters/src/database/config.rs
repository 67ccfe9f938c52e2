//! Configuration of a store.

use std::time::Duration;

use super::url::DatabaseUrl;

/// Configuration of a [`Store`](super::Store).
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The URL of the database.
    pub url: DatabaseUrl,
    /// Maximum number of open connections.
    pub max_connections: u32,
    /// Maximum time that an HTTP request waits for a connection and, on SQLite, that a writer waits for another writer.
    pub acquire_timeout: Duration,
    /// Maximum time for opening a connection. It includes the time that a suspended serverless database needs to
    /// resume.
    pub connect_timeout: Duration,
    /// Time after which a statement is cancelled.
    pub statement_timeout: Duration,
    /// Maximum time that [`Store::open`](super::Store::open) waits for a PostgreSQL server that accepts writes.
    pub start_timeout: Duration,
}
