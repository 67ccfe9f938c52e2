//! Configuration of a store.

use std::time::Duration;

use super::url::DatabaseUrl;

/// Configuration of a [`Store`](super::Store).
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database.
    pub url: DatabaseUrl,
    /// Maximum number of open connections.
    pub max_connections: u32,
    /// Time that a request waits for a connection and, on SQLite, that a writer waits for another one.
    pub acquire_timeout: Duration,
    /// Time for opening a connection. A serverless database may have to resume first.
    pub connect_timeout: Duration,
    /// Time after which a statement is cancelled.
    pub statement_timeout: Duration,
    /// Time that [`Store::open`](super::Store::open) waits for a server that accepts writes.
    pub start_timeout: Duration,
}
