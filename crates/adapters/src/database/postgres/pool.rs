//! What deadpool does not know of its connections: how they are opened, when they are too old, and when to ask whether
//! they are alive.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, Object, QueueMode, RecycleError, RecycleResult, WeakPool};
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::connector::Connector;
use super::failure::ConnectError;

/// A connection that was unused for longer is asked whether it is alive before it is used.
const TEST_WHEN_UNUSED_FOR: Duration = Duration::from_secs(1);
/// Unused connections are closed after this time: below the five minutes after which a serverless database goes to sleep.
const UNUSED_LIMIT: Duration = Duration::from_mins(4);
/// Time between two searches for unused connections.
const UNUSED_CHECK: Duration = Duration::from_secs(15);
/// Connections are closed after this time, so that a database that has moved is found again.
const MAX_AGE: Duration = Duration::from_mins(30);
/// Pause before a database that refuses is asked again. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// While no server accepts writes, a connection that was opened a moment ago says nothing new about older ones.
const MIN_AGE_FOR_DISTRUST: Duration = Duration::from_secs(1);

pub(super) type Pool = managed::Pool<Manager>;

/// A connection that returns to its pool when it is dropped.
pub(super) type Pooled = Object<Manager>;

/// Opens connections, and decides whether one can be used again.
pub(super) struct Manager {
    pub(super) connector: Arc<Connector>,
    health: Arc<Health>,
    /// Time for opening a connection, repeated attempts included.
    connect_timeout: Duration,
    /// Time in which an unused connection must say that it is alive.
    test_timeout: Duration,
}

/// When connections were found dead or read-only. Those that are older are discarded.
#[derive(Debug, Default)]
pub(super) struct Health {
    distrusted: Mutex<Option<Instant>>,
}

impl Health {
    /// Discards all connections that were opened before now, because one of this age was found broken or read-only.
    pub(super) fn distrust(&self, age: Duration, is_read_only: bool) {
        if !is_read_only || age >= MIN_AGE_FOR_DISTRUST {
            *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }

    fn is_distrusted(&self, age: Duration) -> bool {
        let distrusted = *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        distrusted.is_some_and(|moment| age >= moment.elapsed())
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = ConnectError;

    /// Opens a connection. Tries again while the database refuses, starts, or is read-only.
    async fn create(&self) -> Result<Connection, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connector.connect().await {
                Err(error) if error.is_transient() && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                result => return result,
            }
        }
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<ConnectError> {
        let age = metrics.age();
        if age >= MAX_AGE || self.health.is_distrusted(age) {
            return Err(RecycleError::message("too old"));
        }
        let is_alive = if metrics.last_used() < TEST_WHEN_UNUSED_FOR {
            !connection.is_closed()
        } else {
            matches!(timeout(self.test_timeout, connection.run_script("")).await, Ok(Ok(())))
        };
        if is_alive {
            return Ok(());
        }
        self.health.distrust(age, false);
        Err(RecycleError::message("dead"))
    }
}

/// Returns a pool, which opens connections when they are needed. Must be called within a tokio runtime.
pub(super) fn new(
    connector: Arc<Connector>,
    health: Arc<Health>,
    max_connections: usize,
    connect_timeout: Duration,
    test_timeout: Duration,
) -> Result<Pool, managed::BuildError> {
    let manager = Manager { connector, health, connect_timeout, test_timeout };
    let pool = managed::Pool::builder(manager).max_size(max_connections).queue_mode(QueueMode::Lifo).build()?;
    tokio::spawn(close_unused(pool.weak()));
    Ok(pool)
}

/// Closes connections that are not used, until the pool is gone.
async fn close_unused(pool: WeakPool<Manager>) {
    loop {
        sleep(UNUSED_CHECK).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.is_closed() {
            return;
        }
        for connection in pool.retain(|_, metrics| metrics.last_used() < UNUSED_LIMIT).removed {
            _ = timeout(LONGEST_PAUSE, connection.close()).await;
        }
    }
}

/// Closes all connections that are not in use, and the pool.
pub(super) async fn close(pool: &Pool) {
    pool.close();
    for connection in pool.retain(|_, _| false).removed {
        _ = timeout(LONGEST_PAUSE, connection.close()).await;
    }
}
