//! Configuration of a store.

use std::thread::available_parallelism;
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

    /// Returns the number of connections to PostgreSQL that statements on tasks can use alone: those that are neither
    /// reserved nor shared by reads.
    #[must_use]
    pub fn exclusive_task_connections(&self) -> u32 {
        let unreserved = self.max_connections - self.reserved_connections();
        let threads = available_parallelism().map_or(1, usize::from);
        unreserved - if self.share_connections { shared_connections(unreserved, threads) } else { 0 }
    }
}

/// Returns how many of these connections reads share. They are divided evenly among the threads, and a thread shares one
/// of its connections if at least two others remain.
fn shared_connections(connections: u32, threads: usize) -> u32 {
    let threads = u32::try_from(threads).unwrap_or(u32::MAX);
    connections.saturating_sub(threads.saturating_mul(2)).min(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thread_with_three_connections_shares_one() {
        for threads in 1..=40 {
            for connections in 1..=140 {
                let sizes = (0..threads).map(|index| (connections + threads - 1 - index) / threads);
                let expected = sizes.filter(|size| *size >= 3).count();
                let shared = shared_connections(connections.try_into().unwrap(), threads);
                assert_eq!(shared as usize, expected, "{connections} connections of {threads} threads");
            }
        }
    }
}
