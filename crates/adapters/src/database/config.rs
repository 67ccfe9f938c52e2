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
    /// Time that a request waits for a connection, and on SQLite a writer for another one.
    pub acquire_timeout: Duration,
    /// Time for opening one connection. A serverless database has to wake up first.
    pub connect_timeout: Duration,
    /// Time for one statement; then it is cancelled.
    pub statement_timeout: Duration,
    /// Time that opening the store waits for a database that accepts writes.
    pub start_timeout: Duration,
}
