//! Connections that several reads use at the same time.
//!
//! A worker thread shares one connection of its pool. The short reads of all its HTTP requests are sent on that
//! connection without waiting for the replies to earlier ones ("pipelining"), so that one system call sends or receives
//! several messages.
//!
//! The PostgreSQL server executes the statements of a connection in order, so that a slow read delays the reads behind
//! it. If nothing arrives within 5 milliseconds, or too little within [`QUEUE_LIMIT`], each waiting read is therefore
//! repeated on an exclusive connection, and no further read uses the shared one. No cancel request is sent while a read
//! waits for the connection, because it could cancel the read of another HTTP request.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{Statement, Value};
use tokio::sync::{OnceCell, mpsc};
use tokio::time::{Instant, timeout};
use tokio_postgres::Client;

use super::connection::{Connection, PostgresReply, reply};
use super::error::StatementError;
use super::pool::PostgresPool;
use super::pooled_connection::{Abandoned, PooledConnection};
use super::values::Parameter;

/// Minimum size of the pool of a thread that shares one of its connections. The others remain for writes and searches.
const MIN_POOL: usize = 3;
/// Number of successive checks without progress after which a read leaves the shared connection: it leaves after 5
/// milliseconds. One check is not enough: if this thread itself was busy, messages that have arrived meanwhile may not have
/// been processed yet.
const CHECKS: u32 = 2;
const CHECK_INTERVAL: Duration = Duration::from_micros(2_500);
/// Time after which a read leaves if the connection processes less than one statement per millisecond, because the
/// statements would then be faster on several connections.
const QUEUE_LIMIT: Duration = Duration::from_millis(10);
/// Number of rows that take about as much time as a statement.
const ROWS_PER_STATEMENT: usize = 20;
/// Maximum round-trip time of a connection that is shared. It must be shorter than 5 milliseconds; otherwise reads
/// would leave the connection although the PostgreSQL server is not slow.
const MAX_ROUND_TRIP: Duration = Duration::from_millis(2);
/// Number of round trips of which the shortest is compared with [`MAX_ROUND_TRIP`].
const ROUND_TRIPS: usize = 3;
/// Time that statements have to end when no read waits for the connection any more. After that, the slow statement is
/// cancelled and the connection is closed, so that it does not occupy a place in the pool.
const DRAIN_LIMIT: Duration = Duration::from_millis(100);
/// Time after which a connection returns to its pool, which tests it and limits its age.
const SHARED_FOR: Duration = Duration::from_mins(1);
/// Time in which a thread shares no connection after the previous one. It doubles each time, up to [`LONGEST_REST`],
/// unless the previous one was shared for [`GOOD_TIME`]: the statements on a slow connection are executed twice.
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(10);
const GOOD_TIME: Duration = Duration::from_secs(1);

/// The shared connections, at most one for each pool of a thread.
pub(super) struct SharedConnections {
    /// `None` for a pool that is too small.
    slots: Vec<Option<Arc<Slot>>>,
    pool: Arc<PostgresPool>,
}

impl SharedConnections {
    /// Returns a value without connections. Connections are never shared unless `is_enabled`.
    pub(super) fn new(pool: &Arc<PostgresPool>, is_enabled: bool) -> Self {
        let slots = pool.sizes().map(|size| (is_enabled && size >= MIN_POOL).then(Arc::default));
        Self { slots: slots.collect(), pool: Arc::clone(pool) }
    }

    fn slot(&self) -> Option<&Arc<Slot>> {
        self.slots.get(self.pool.own())?.as_ref()
    }

    /// Executes a read on the shared connection of this thread. Returns `None` if there is none, or if the read failed
    /// or has waited too long; the caller then executes it on an exclusive connection.
    pub(super) async fn read(&self, statement: &Statement) -> Option<PostgresReply> {
        let slot = self.slot()?;
        let connection = slot.connection()?;
        let health = &self.pool.manager.health;
        if health.is_distrusted(connection.opened.elapsed()) {
            slot.retire();
            return None;
        }
        let failure = match connection.run(statement).await {
            Ok(reply) => return Some(reply),
            Err(failure) => failure,
        };
        if failure.is_statement_mismatch() {
            self.pool.manager.connector.stop_naming_statements();
        }
        if failure.breaks_connection() {
            slot.retire();
            // A timeout only means that a read is slow.
            if !matches!(failure, StatementError::Timeout) {
                health.distrust(failure.is_read_only());
            }
        }
        None
    }

    /// Starts a task that shares a connection, if this thread may share one and does not do so yet.
    pub(super) fn start(&self) {
        if let Some(slot) = self.slot()
            && let Some(turn) = slot.begin()
        {
            tokio::spawn(keep(turn, Arc::clone(&self.pool)));
        }
    }

    /// Stops sharing connections. They return to their pools when their reads have ended.
    pub(super) fn close(&self) {
        for slot in self.slots.iter().flatten() {
            slot.retire();
        }
    }
}

/// The place of the shared connection of a thread.
struct Slot(Mutex<State>);

enum State {
    /// No connection is shared. From the time `from` on, one may be.
    Free {
        from: Instant,
        next_rest: Duration,
    },
    /// A connection is being taken from the pool, or no longer accepts reads and waits for its last replies.
    Busy,
    Shared(Arc<SharedConnection>),
}

impl Default for Slot {
    fn default() -> Self {
        Self(Mutex::new(State::Free { from: Instant::now(), next_rest: FIRST_REST }))
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> Option<Arc<SharedConnection>> {
        match &*self.state() {
            State::Shared(connection) => Some(Arc::clone(connection)),
            State::Free { .. } | State::Busy => None,
        }
    }

    /// Reserves the slot for a connection. Returns `None` if it is not free.
    fn begin(self: &Arc<Self>) -> Option<Turn> {
        let mut state = self.state();
        match *state {
            State::Free { from, next_rest } if from <= Instant::now() => {
                *state = State::Busy;
                Some(Turn { slot: Arc::clone(self), rest: next_rest })
            }
            _ => None,
        }
    }

    /// Accepts no further reads on the connection.
    fn retire(&self) {
        let mut state = self.state();
        if matches!(*state, State::Shared(_)) {
            *state = State::Busy;
        }
    }
}

/// The right to share a connection in a slot. The slot is free again `rest` after this value was dropped.
struct Turn {
    slot: Arc<Slot>,
    rest: Duration,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next_rest = (self.rest * 2).min(LONGEST_REST);
        *self.slot.state() = State::Free { from: Instant::now() + self.rest, next_rest };
    }
}

/// Takes a connection from the pool, shares it, and returns it to the pool.
async fn keep(mut turn: Turn, pool: Arc<PostgresPool>) {
    let object = match pool.idle().await {
        Some(idle) => idle,
        None => match timeout(pool.manager.test_timeout, pool.get()).await {
            Ok(Ok(object)) => object,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let opened = Instant::from_std(deadpool::managed::Object::metrics(&object).created);
    // If the runtime ends, the connection is closed, because replies may be outstanding.
    let mut guarded = Abandoned(Some(object));
    let Some(connection) = &mut guarded.0 else { return };
    match (turn.share(connection, opened, &pool).await, guarded.0.take()) {
        (Ok(()), object) => drop(object),
        // No read waits for the connection any more, so its statement can be cancelled like that of a dropped request.
        (Err(StatementError::Timeout), Some(object)) => PooledConnection::abandoned(object, &pool),
        (Err(_), object) => {
            drop(Abandoned(object));
            pool.manager.health.distrust(false);
        }
    }
}

impl Turn {
    /// Shares a connection until it is retired or [`SHARED_FOR`] has passed, and waits for all replies.
    ///
    /// # Errors
    /// [`StatementError::Timeout`] if a statement still runs [`DRAIN_LIMIT`] after the last read left the connection.
    /// Another error if the connection is broken.
    async fn share(
        &mut self,
        connection: &mut Connection,
        opened: Instant,
        pool: &PostgresPool,
    ) -> Result<(), StatementError> {
        if !connection.is_direct() {
            return Ok(());
        }
        let round_trip = timeout(pool.manager.test_timeout, shortest_round_trip(connection));
        if round_trip.await.unwrap_or_else(|_| Err(StatementError::connection_closed()))? > MAX_ROUND_TRIP {
            return Ok(());
        }
        let (in_use, mut users) = mpsc::channel(1);
        let shared = SharedConnection {
            client: connection.client(),
            named: Mutex::default(),
            opened,
            rows: AtomicUsize::new(0),
            replies: AtomicUsize::new(0),
            _in_use: in_use,
        };
        *self.slot.state() = State::Shared(Arc::new(shared));
        let began = Instant::now();
        let unused = async {
            _ = timeout(SHARED_FOR, users.recv()).await;
            self.slot.retire();
            if began.elapsed() >= GOOD_TIME {
                self.rest = FIRST_REST;
            }
            // The channel is closed as soon as no read uses the connection.
            _ = users.recv().await;
        };
        connection.drive_until(unused).await?;
        // The reads of dropped HTTP requests may still be running. This reply arrives after theirs.
        timeout(DRAIN_LIMIT, connection.run_script("")).await.unwrap_or(Err(StatementError::Timeout))
    }
}

/// What a connection has received so far.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Progress {
    rows: usize,
    replies: usize,
}

impl Progress {
    /// Returns about how many statements the PostgreSQL server has processed since `before`.
    fn statements_since(self, before: Self) -> u128 {
        let (rows, replies) = (self.rows.wrapping_sub(before.rows), self.replies.wrapping_sub(before.replies));
        (replies + rows / ROWS_PER_STATEMENT) as u128
    }
}

async fn shortest_round_trip(connection: &mut Connection) -> Result<Duration, StatementError> {
    let mut shortest = Duration::MAX;
    for _ in 0..ROUND_TRIPS {
        let sent = Instant::now();
        connection.run_script("").await?;
        shortest = shortest.min(sent.elapsed());
    }
    Ok(shortest)
}

/// A connection whose driver is polled by the task that shares it.
struct SharedConnection {
    client: Arc<Client>,
    /// The named statements by their SQL text. Reads that need the same new statement wait for one preparation.
    named: Mutex<HashMap<String, Arc<OnceCell<tokio_postgres::Statement>>>>,
    opened: Instant,
    /// Number of rows that all reads have received.
    rows: AtomicUsize,
    /// Number of reads that have received their whole reply.
    replies: AtomicUsize,
    /// Closes its channel when no read uses the connection any more. Must be the last field, which is dropped last.
    _in_use: mpsc::Sender<Infallible>,
}

impl SharedConnection {
    /// Executes a read.
    ///
    /// # Errors
    /// [`StatementError::Timeout`] if the connection made no progress for 5 milliseconds, or too little for
    /// [`QUEUE_LIMIT`].
    async fn run(&self, statement: &Statement) -> Result<PostgresReply, StatementError> {
        let mut reply = pin!(self.reply(statement));
        let (sent, before) = (Instant::now(), self.progress());
        let (mut last, mut failed_checks) = (before, 0);
        loop {
            if let Ok(result) = timeout(CHECK_INTERVAL, &mut reply).await {
                self.replies.fetch_add(1, Ordering::Relaxed);
                return result.map_err(StatementError::from);
            }
            let (progress, waited) = (self.progress(), sent.elapsed());
            let is_slow = waited >= QUEUE_LIMIT && progress.statements_since(before) < waited.as_millis();
            failed_checks = if is_slow || progress == last { failed_checks + 1 } else { 0 };
            if failed_checks == CHECKS {
                return Err(StatementError::Timeout);
            }
            last = progress;
        }
    }

    fn progress(&self) -> Progress {
        Progress { rows: self.rows.load(Ordering::Relaxed), replies: self.replies.load(Ordering::Relaxed) }
    }

    async fn reply(&self, statement: &Statement) -> Result<PostgresReply, tokio_postgres::Error> {
        let values: &[Value] = statement.values.as_ref().map_or(&[], |values| &values.0);
        let cell = self.named(&statement.sql);
        let prepared = cell.get_or_try_init(|| self.client.prepare(&statement.sql)).await?;
        let rows = self.client.query_raw(prepared, values.iter().map(Parameter)).await?;
        reply(rows, || _ = self.rows.fetch_add(1, Ordering::Relaxed)).await
    }

    fn named(&self, sql: &str) -> Arc<OnceCell<tokio_postgres::Statement>> {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = named.get(sql) {
            return Arc::clone(cell);
        }
        Arc::clone(named.entry(sql.to_owned()).or_default())
    }
}
