//! The connection pool for PostgreSQL. It is based on deadpool. In addition, it has one pool for each processor,
//! repeats failed attempts to connect, limits the age of connections, and tests idle connections.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, Status, TimeoutType, Timeouts, WeakPool,
};
use tokio::time::{sleep, timeout};

use super::connection::Connection;
use super::connector::Connector;
use super::error::ConnectError;

/// Idle time after which a connection is tested before it is used again.
const TEST_WHEN_UNUSED_FOR: Duration = Duration::from_secs(1);
/// Idle time after which a connection is closed. A serverless database is suspended after about five minutes; its
/// connections must have been closed by then.
const UNUSED_LIMIT: Duration = Duration::from_mins(4);
/// Time between two searches for connections that have been idle for too long.
const UNUSED_CHECK: Duration = Duration::from_secs(15);
/// Age at which connections are closed, so that changed DNS records take effect.
const MAX_AGE: Duration = Duration::from_mins(30);
/// First pause between two attempts to connect. It doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Each worker thread has a pool. If none has a free connection, a request waits this long for the pool of its own
/// thread before it tries the other pools again.
const BORROW_AFTER: Duration = Duration::from_millis(50);
/// Timeouts of a caller that does not wait until a connection is returned.
const AT_ONCE: Timeouts = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };
/// Longest pause between two attempts to connect, and longest time for closing a connection.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// After all connections have been discarded, the minimum time before they are discarded again because the PostgreSQL
/// server is read-only.
const READ_ONLY_PAUSE: Duration = Duration::from_secs(1);

/// A connection that returns to its pool when it is dropped.
pub(super) type PoolObject = Object<PostgresManager>;

/// All connections, in one pool for each processor.
///
/// A thread prefers its own pool, and borrows from the others while its own pool has no free connection. Threads
/// therefore rarely wake each other, and a thread that wakes up can process several replies.
pub(super) struct PostgresPool {
    pools: Vec<managed::Pool<PostgresManager>>,
    pub(super) manager: PostgresManager,
}

thread_local! {
    /// The number of this thread. It selects the pool that the thread prefers.
    static THREAD: usize = {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        COUNT.fetch_add(1, Ordering::Relaxed)
    };
}

impl PostgresPool {
    /// Returns a pool, which opens connections when they are needed. Must be called within a tokio runtime.
    pub(super) fn new(manager: PostgresManager, max_connections: usize) -> Result<Self, managed::BuildError> {
        let count = available_parallelism().map_or(1, usize::from).min(max_connections).max(1);
        let pools = (0..count).map(|index| {
            // The first pools get one connection more if the number cannot be divided evenly.
            let size = (max_connections + count - 1 - index) / count;
            managed::Pool::builder(manager.clone()).max_size(size.max(1)).queue_mode(QueueMode::Lifo).build()
        });
        let pools: Vec<_> = pools.collect::<Result<_, _>>()?;
        for pool in &pools {
            tokio::spawn(close_unused(pool.weak()));
        }
        Ok(Self { pools, manager })
    }

    /// Returns the index of the pool of this thread.
    pub(super) fn own(&self) -> usize {
        THREAD.with(|number| number % self.pools.len())
    }

    /// Returns the maximum size of each pool.
    pub(super) fn sizes(&self) -> impl Iterator<Item = usize> {
        self.pools.iter().map(|pool| pool.status().max_size)
    }

    /// Returns all pools, starting with that of this thread.
    fn pools(&self) -> impl Iterator<Item = &managed::Pool<PostgresManager>> {
        let (others, own_first) = self.pools.split_at(self.own());
        own_first.iter().chain(others)
    }

    /// Returns an idle connection, if there is one.
    pub(super) async fn idle(&self) -> Option<PoolObject> {
        for pool in self.pools().filter(|pool| pool.status().available > 0) {
            if let Ok(pooled) = pool.timeout_get(&AT_ONCE).await {
                return Some(pooled);
            }
        }
        None
    }

    /// Called when no connection is idle: opens one if there is room for it, or waits until one becomes idle.
    pub(super) async fn get(&self) -> Result<PoolObject, PoolError<ConnectError>> {
        match self.open().await {
            Some(opened) => opened,
            None => self.wait().await,
        }
    }

    /// Opens a connection if there is room for it. Returns `None` otherwise.
    pub(super) async fn open(&self) -> Option<Result<PoolObject, PoolError<ConnectError>>> {
        // `waiting` also counts the callers for whom deadpool is opening a connection, because each of these
        // connections will need room as well.
        let has_room = |status: Status| status.size - status.available + status.waiting < status.max_size;
        for pool in self.pools().filter(|pool| has_room(pool.status())) {
            // The connection is opened in a separate task, which continues if this HTTP request times out, for example
            // while a suspended database resumes. A later HTTP request can then use the connection.
            let pool = pool.clone();
            match tokio::spawn(async move { pool.timeout_get(&AT_ONCE).await }).await {
                // Another HTTP request has taken the room before the task began.
                Ok(Err(PoolError::Timeout(TimeoutType::Wait))) => {}
                opened => return Some(opened.unwrap_or(Err(PoolError::Closed))),
            }
        }
        None
    }

    /// Waits until a connection becomes idle.
    pub(super) async fn wait(&self) -> Result<PoolObject, PoolError<ConnectError>> {
        let Some(own) = self.pools().next() else { return Err(PoolError::Closed) };
        // The loop polls the same future again, because a new future would go to the end of the queue.
        let mut own = pin!(own.get());
        loop {
            if let Ok(result) = timeout(BORROW_AFTER, &mut own).await {
                return result;
            }
            if let Some(borrowed) = self.idle().await {
                return Ok(borrowed);
            }
        }
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (usize, usize) {
        let statuses = self.pools.iter().map(managed::Pool::status);
        statuses.fold((0, 0), |(open, idle), status| (open + status.size, idle + status.available))
    }

    /// Closes the pool and all idle connections.
    pub(super) async fn close(&self) {
        for pool in &self.pools {
            let idle = pool.retain(|_, _| false).removed;
            pool.close();
            for connection in idle {
                _ = timeout(LONGEST_PAUSE, connection.close()).await;
            }
        }
    }
}

/// Opens connections, and decides whether an idle connection can be used again.
#[derive(Clone)]
pub(super) struct PostgresManager {
    pub(super) connector: Arc<Connector>,
    pub(super) health: Arc<Health>,
    /// Maximum time for opening a connection, including repeated attempts.
    pub(super) connect_timeout: Duration,
    /// Maximum time for one statement.
    pub(super) statement_timeout: Duration,
    /// Time in which an idle connection must reply to a test.
    pub(super) test_timeout: Duration,
}

/// The last time that a connection was found broken or read-only. Connections that were opened before that time are
/// discarded.
#[derive(Debug, Default)]
pub(super) struct Health {
    distrusted: Mutex<Option<Instant>>,
}

impl Health {
    /// Discards all connections that were opened before now, because one was found broken or read-only.
    pub(super) fn distrust(&self, is_read_only: bool) {
        let mut distrusted = self.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        let was_just_done = distrusted.is_some_and(|moment| moment.elapsed() < READ_ONLY_PAUSE);
        if !is_read_only || !was_just_done {
            *distrusted = Some(Instant::now());
        }
    }

    pub(super) fn is_distrusted(&self, age: Duration) -> bool {
        let distrusted = *self.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        distrusted.is_some_and(|moment| age >= moment.elapsed())
    }
}

impl managed::Manager for PostgresManager {
    /// The connection is boxed, because deadpool moves it whenever it is used.
    type Type = Box<Connection>;
    type Error = ConnectError;

    /// Opens a connection. Tries again while the PostgreSQL server refuses connections, is starting, or is read-only.
    async fn create(&self) -> Result<Box<Connection>, ConnectError> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            // The future is boxed, because it would otherwise enlarge the future of every HTTP request.
            match Box::pin(self.connector.connect()).await {
                Err(error) if error.is_transient() && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                result => return result.map(Box::new),
            }
        }
    }

    async fn recycle(&self, connection: &mut Box<Connection>, metrics: &Metrics) -> RecycleResult<ConnectError> {
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
        self.health.distrust(false);
        Err(RecycleError::message("dead"))
    }
}

/// Closes connections that have been idle for too long, until the pool is closed or dropped.
async fn close_unused(pool: WeakPool<PostgresManager>) {
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
