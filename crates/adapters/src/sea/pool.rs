//! The connections to PostgreSQL, a part of them for each thread that asks.
//!
//! A connection lives on the thread that opened it: what arrives on it wakes that thread. Used on another one, each answer
//! wakes two. So each thread that serves has a part of the connections of its own, and uses those of others only while all
//! of its own are busy.
//!
//! What comes back is in good order, or does not come back: nothing is asked of a connection between two statements.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, BuildError, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts, WeakPool,
};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use tokio::time::{sleep, timeout};

/// A connection that was not used for longer is asked whether it is alive before it is.
const TEST_WHEN_UNUSED_FOR: Duration = Duration::from_secs(1);
/// Unused connections are closed after this: below the five minutes after which a serverless database goes to sleep.
const UNUSED_LIMIT: Duration = Duration::from_mins(4);
/// How often they are looked for.
const UNUSED_CHECK: Duration = Duration::from_secs(15);
/// Connections are closed after this, so that a database that has moved is found again.
const MAX_AGE: Duration = Duration::from_mins(30);
/// The first pause before a database that refuses is asked again, which is doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How connections are had.
#[derive(Debug, Clone)]
pub(super) struct PoolConfig {
    pub(super) options: PgConnectOptions,
    /// How many there are at the most, of all threads.
    pub(super) max_connections: usize,
    /// How many threads have a part of their own.
    pub(super) threads: usize,
    /// How long one may take to open.
    pub(super) connect_timeout: Duration,
    /// How long an unused one may take to say that it is alive.
    pub(super) test_timeout: Duration,
}

/// Opens connections, and tells live ones from dead ones.
#[derive(Debug)]
pub(super) struct Opener {
    config: PoolConfig,
    health: Arc<Health>,
    /// Which part of the connections it opens.
    part: usize,
    /// Whether no two threads share that part.
    is_of_one_thread: bool,
}

/// A connection, and the thread it lives on.
#[derive(Debug)]
pub(super) struct Housed {
    connection: PgConnection,
    home: ThreadId,
}

impl Deref for Housed {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Housed {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

thread_local! {
    /// The part of the connections that is this thread's own.
    static OWN_PART: Cell<Option<usize>> = const { Cell::new(None) };
    static THIS_THREAD: ThreadId = thread::current().id();
}

/// When a connection was found dead last: those that are older are presumed dead.
#[derive(Debug, Default)]
struct Health {
    broke: Mutex<Option<Instant>>,
}

impl Health {
    fn connection_broke(&self) {
        *self.broke.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_presumed_dead(&self, age: Duration) -> bool {
        let broke = *self.broke.lock().unwrap_or_else(PoisonError::into_inner);
        broke.is_some_and(|broke| age >= broke.elapsed())
    }
}

impl managed::Manager for Opener {
    type Type = Housed;
    type Error = sqlx::Error;

    /// Tries again while the database refuses, or is starting.
    async fn create(&self) -> Result<Housed, sqlx::Error> {
        let deadline = Instant::now() + self.config.connect_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.config.options.connect()).await {
                Ok(Err(error)) if may_come(&error) && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Ok(Err(error)) if may_come(&error) => return Err(sqlx::Error::PoolTimedOut),
                Ok(opened) => return Ok(Housed { connection: opened?, home: THIS_THREAD.with(|thread| *thread) }),
                Err(_elapsed) => return Err(sqlx::Error::PoolTimedOut),
            }
        }
    }

    /// Asks whether it is alive, unless that is known.
    async fn recycle(&self, connection: &mut Housed, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        let age = metrics.age();
        if age >= MAX_AGE || self.health.is_presumed_dead(age) {
            return Err(RecycleError::message("too old"));
        }
        // Somebody opened it who has no part of their own.
        let is_at_home = THIS_THREAD.with(|thread| *thread == connection.home);
        if !is_at_home && self.is_of_one_thread && OWN_PART.get() == Some(self.part) {
            return Err(RecycleError::message("lives on another thread"));
        }
        if metrics.last_used() < TEST_WHEN_UNUSED_FOR {
            return Ok(());
        }
        if matches!(timeout(self.config.test_timeout, connection.ping()).await, Ok(Ok(()))) {
            return Ok(());
        }
        self.health.connection_broke();
        Err(RecycleError::message("dead"))
    }
}

/// Whether a database that cannot be connected to now may well be in a moment.
fn may_come(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    match error {
        sqlx::Error::Io(error) => matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset),
        // Too many connections; starting, stopping, recovering.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code == "53300" || code.starts_with("57P")),
        _ => false,
    }
}

/// A connection on loan, which goes back when it is dropped.
pub(super) type Loan = Object<Opener>;

/// All connections, by thread.
#[derive(Debug)]
pub(super) struct Pool {
    parts: Vec<managed::Pool<Opener>>,
    /// How many parts were given to threads.
    claimed: AtomicUsize,
    health: Arc<Health>,
}

impl Pool {
    /// Opens a connection when one is needed. Must be called within a tokio runtime.
    pub(super) fn new(config: &PoolConfig) -> Result<Self, BuildError> {
        let health = Arc::new(Health::default());
        let count = config.threads.clamp(1, config.max_connections.max(1));
        let parts = (0..count).map(|part| {
            let is_of_one_thread = count == config.threads;
            let opener = Opener { config: config.clone(), health: Arc::clone(&health), part, is_of_one_thread };
            // The first ones have one more, if they do not all have as many.
            let size = (config.max_connections + count - 1 - part) / count;
            managed::Pool::builder(opener).max_size(size.max(1)).queue_mode(QueueMode::Lifo).build()
        });
        let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
        for part in &parts {
            tokio::spawn(close_unused(part.weak()));
        }
        Ok(Self { parts, claimed: AtomicUsize::new(0), health })
    }

    /// Gives this thread the next part; it is its own if there are enough for all.
    pub(super) fn claim_part(&self) {
        OWN_PART.set(Some(self.claimed.fetch_add(1, Ordering::Relaxed) % self.parts.len()));
    }

    /// A connection: this thread's, or another's that nobody uses, or the first of this thread's that becomes free.
    pub(super) async fn get(&self) -> Result<Loan, sqlx::Error> {
        let own = OWN_PART.get().and_then(|part| self.parts.get(part)).unwrap_or(&self.parts[0]);
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..Timeouts::default() };
        let status = own.status();
        if status.available > 0 {
            match own.timeout_get(&at_once).await {
                Err(PoolError::Timeout(_)) => {}
                outcome => return outcome.map_err(driver_error),
            }
        } else if status.size < status.max_size {
            // In a task of its own: a connection that takes long to open, because the database has to wake up, is there
            // for the next request even if this one gives up.
            let own = own.clone();
            let opening = tokio::spawn(async move { own.get().await });
            return opening.await.map_err(|_lost| sqlx::Error::PoolClosed)?.map_err(driver_error);
        }
        for other in self.parts.iter().filter(|part| part.status().available > 0) {
            if let Ok(loan) = other.timeout_get(&at_once).await {
                return Ok(loan);
            }
        }
        own.get().await.map_err(driver_error)
    }

    /// A connection has been found dead: those that are as old are presumed dead, too.
    pub(super) fn connection_broke(&self) {
        self.health.connection_broke();
    }

    /// How many connections are open, and how many of them nobody uses.
    pub(super) fn connections(&self) -> (u32, usize) {
        let statuses = self.parts.iter().map(managed::Pool::status);
        let (open, unused) =
            statuses.fold((0, 0), |(open, unused), status| (open + status.size, unused + status.available));
        (u32::try_from(open).unwrap_or(u32::MAX), unused)
    }

    /// Closes them, and opens none any more.
    pub(super) async fn close(&self) {
        for part in &self.parts {
            for connection in part.retain(|_, _| false).removed {
                _ = connection.connection.close().await;
            }
            part.close();
        }
    }
}

fn driver_error(error: PoolError<sqlx::Error>) -> sqlx::Error {
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => sqlx::Error::PoolTimedOut,
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => sqlx::Error::PoolClosed,
    }
}

/// Closes what is not used, until the pool is gone.
async fn close_unused(pool: WeakPool<Opener>) {
    loop {
        sleep(UNUSED_CHECK).await;
        let Some(pool) = pool.upgrade() else { return };
        if pool.is_closed() {
            return;
        }
        for connection in pool.retain(|_, metrics| metrics.last_used() < UNUSED_LIMIT).removed {
            _ = timeout(LONGEST_PAUSE, connection.connection.close()).await;
        }
    }
}
