//! Configuration of a store.

use std::time::Duration;

use super::url::DatabaseUrl;

/// Configuration of a [`Store`](super::Store).
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The URL of the database.
    pub url: DatabaseUrl,
    /// Maximum number of open connections, including those that statements on tasks do not use.
    pub max_connections: u32,
    /// Maximum time that an HTTP request waits for a connection and, on SQLite, that a writer waits for another writer.
    pub acquire_timeout: Duration,
    /// Maximum time for opening a connection. It includes the time that a suspended serverless database needs to
    /// resume.
    pub connect_timeout: Duration,
    /// Time after which a statement is cancelled.
    pub statement_timeout: Duration,
    /// `true` if short reads of tasks and sessions may use one connection to PostgreSQL at the same time.
    pub share_connections: bool,
    /// Maximum time that [`Store::open`](super::Store::open) waits for a PostgreSQL server that accepts writes.
    pub start_timeout: Duration,
}

impl StoreConfig {
    /// Returns the number of connections that only statements other than those on tasks may use: an eighth of all, at
    /// least one. A single connection is not reserved.
    pub(super) fn reserved_connections(&self) -> u32 {
        (self.max_connections / 8).max(1).min(self.max_connections.saturating_sub(1))
    }
}
