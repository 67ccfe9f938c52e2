//! The connection pool for SQLite. It is based on deadpool. In addition, it interrupts statements after a timeout, rolls
//! back the transaction of an HTTP request that is dropped, and lets one connection at a time write or wait for the
//! write lock of the file.
//!
//! SQLite executes statements within this process and has no timeout of its own. It regularly calls a progress handler,
//! which interrupts the statement once its deadline has passed.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool::managed::{
    self, Metrics, Object, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};
use futures_util::TryStreamExt;
use sea_orm::{DbBackend, QueryResult, Statement};
use sqlx::sqlite::{Sqlite as Driver, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, Either, Execute, Executor};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::values::{bound, proxy_row};
use crate::statement_permit::StatementPermit;

/// Number of instructions that SQLite's virtual machine executes between two calls of the progress handler. This takes
/// tens of microseconds. `begin`, `commit` and `rollback` consist of fewer instructions, so a deadline never interrupts
/// them.
const INSTRUCTIONS: i32 = 1000;
/// Maximum time for which SQLite itself waits for a lock, while nothing can interrupt it. The pool waits longer, by
/// repeating the statement.
const LOCK_PAUSE: Duration = Duration::from_millis(50);
/// Time between two checks whether connections were returned, while the pool closes.
const CLOSE_PAUSE: Duration = Duration::from_millis(5);

/// The moment at which the statement of a connection is interrupted.
#[derive(Debug)]
struct Deadline {
    opened: Instant,
    /// The deadline, in milliseconds after `opened`.
    at: AtomicU64,
}

impl Deadline {
    /// Sets the deadline to `limit` from now. `None` means that there is no deadline.
    fn set(&self, limit: Option<Duration>) {
        let at = limit.map(|limit| self.opened.elapsed().saturating_add(limit).as_millis());
        let at = at.and_then(|at| u64::try_from(at).ok());
        self.at.store(at.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Interrupts the statement now.
    fn expire(&self) {
        self.at.store(0, Ordering::Relaxed);
    }

    fn has_passed(&self) -> bool {
        self.opened.elapsed().as_millis() >= self.at.load(Ordering::Relaxed).into()
    }
}

/// The result of a statement: the rows that it returned, and the number of rows that it changed.
#[derive(Default)]
pub(super) struct SqliteReply {
    pub(super) rows: Vec<SqliteRow>,
    pub(super) rows_affected: u64,
}

impl SqliteReply {
    /// Returns the rows in sea-orm's form.
    pub(super) fn proxy_rows(&self) -> Result<Vec<QueryResult>, sqlx::Error> {
        self.rows.iter().map(|row| Ok(proxy_row(row)?.into())).collect()
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct OpenConnection {
    sqlite: SqliteConnection,
    deadline: Arc<Deadline>,
    /// `false` while a statement is running or a transaction may be open. Stays `false` if the HTTP request is dropped
    /// during that time.
    is_reusable: bool,
}

impl OpenConnection {
    /// Executes the statements in `query`. They are interrupted at the deadline.
    async fn run<'q>(&mut self, query: impl Execute<'q, Driver> + 'q) -> Result<SqliteReply, sqlx::Error> {
        let was_settled = mem::replace(&mut self.is_reusable, false);
        let mut reply = SqliteReply::default();
        let result = {
            let mut results = self.sqlite.fetch_many(query);
            loop {
                match results.try_next().await {
                    Ok(Some(Either::Left(done))) => reply.rows_affected += done.rows_affected(),
                    Ok(Some(Either::Right(row))) => reply.rows.push(row),
                    Ok(None) => break Ok(reply),
                    Err(error) => break Err(error),
                }
            }
        };
        self.is_reusable = was_settled && !matches!(result, Err(sqlx::Error::WorkerCrashed));
        result
    }

    /// Waits until the statement that is being executed has ended, and rolls back the transaction if one is open.
    async fn interrupt_and_roll_back(&mut self) -> Result<(), sqlx::Error> {
        // `begin` fails if a transaction is already open. In either case a transaction is open now, so `rollback` fails
        // only on a broken connection.
        _ = self.run(sqlx::query("begin")).await;
        self.run(sqlx::query("rollback")).await?;
        self.wait_for_locks(LOCK_PAUSE).await?;
        self.is_reusable = true;
        Ok(())
    }

    /// Sets the time for which SQLite waits for a lock.
    async fn wait_for_locks(&mut self, limit: Duration) -> Result<(), sqlx::Error> {
        let pragma = format!("pragma busy_timeout = {}", limit.as_millis());
        self.run(sqlx::raw_sql(AssertSqlSafe(pragma))).await.map(drop)
    }
}

/// Opens connections, and decides whether an idle connection can be used again.
#[derive(Debug, Clone)]
struct SqliteManager(SqliteConnectOptions);

impl managed::Manager for SqliteManager {
    type Type = OpenConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<OpenConnection, sqlx::Error> {
        let mut sqlite = self.0.connect().await?;
        let deadline = Arc::new(Deadline { opened: Instant::now(), at: AtomicU64::new(u64::MAX) });
        let of_handler = Arc::clone(&deadline);
        sqlite.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || !of_handler.has_passed());
        let mut connection = OpenConnection { sqlite, deadline, is_reusable: true };
        connection.wait_for_locks(LOCK_PAUSE).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut OpenConnection, _: &Metrics) -> RecycleResult<sqlx::Error> {
        if connection.is_reusable {
            Ok(())
        } else {
            Err(RecycleError::message("a statement or transaction was abandoned"))
        }
    }
}

/// A connection pool for one SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqlitePool {
    connections: managed::Pool<SqliteManager>,
    /// Connections that are used while all others are in use.
    reserve: Option<managed::Pool<SqliteManager>>,
    /// The permit to write. If more connections waited for the write lock of the file, none might be left to read.
    writer: Arc<Semaphore>,
    acquire_timeout: Duration,
}

impl SqlitePool {
    /// Returns a pool, which opens connections when they are needed. While it opens one, SQLite waits for locks as
    /// `options` say.
    pub(super) fn new(
        options: SqliteConnectOptions,
        max_connections: u32,
        reserved: u32,
        acquire_timeout: Duration,
    ) -> Result<Self, managed::BuildError> {
        let manager = SqliteManager(options);
        let pool = |size: u32| {
            managed::Pool::builder(manager.clone()).max_size(size as usize).queue_mode(QueueMode::Lifo).build()
        };
        let reserve = (reserved > 0).then(|| pool(reserved)).transpose()?;
        let connections = pool(max_connections - reserved)?;
        Ok(Self { connections, reserve, writer: Arc::new(Semaphore::new(1)), acquire_timeout })
    }

    /// Returns the same pool without its reserved connections.
    pub(super) fn without_reserve(&self) -> Self {
        Self { reserve: None, ..self.clone() }
    }

    /// Takes a connection. If all connections but the reserved ones are in use, takes one of these.
    async fn take(&self) -> Result<Object<SqliteManager>, PoolError<sqlx::Error>> {
        let Some(reserve) = &self.reserve else { return self.connections.get().await };
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..Timeouts::default() };
        match self.connections.timeout_get(&at_once).await {
            Err(PoolError::Timeout(TimeoutType::Wait)) => reserve.get().await,
            taken => taken,
        }
    }

    fn pools(&self) -> impl Iterator<Item = &managed::Pool<SqliteManager>> {
        [&self.connections].into_iter().chain(&self.reserve)
    }

    /// Returns an idle connection, a new one, or the first that is returned to the pool.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolTimedOut`] if no connection is available in time, [`sqlx::Error::PoolClosed`] if the pool is
    /// closed, and errors from opening a connection.
    pub(super) async fn get(&self) -> Result<SqlitePooledConnection, sqlx::Error> {
        self.get_with(async { None }).await
    }

    /// Returns a connection as [`get`](Self::get) does, after all others that this method has returned are back in the
    /// pool.
    pub(super) async fn get_to_write(&self) -> Result<SqlitePooledConnection, sqlx::Error> {
        self.get_with(async { Arc::clone(&self.writer).acquire_owned().await.ok() }).await
    }

    async fn get_with(
        &self,
        write_permit: impl Future<Output = Option<OwnedSemaphorePermit>>,
    ) -> Result<SqlitePooledConnection, sqlx::Error> {
        let taken = async {
            let write_permit = write_permit.await;
            Ok((self.take().await?, write_permit))
        };
        match timeout(self.acquire_timeout, taken).await {
            Ok(Ok((connection, write_permit))) => {
                let (permit, lock_timeout) = (StatementPermit::current(), self.acquire_timeout);
                Ok(SqlitePooledConnection { object: Some(connection), permit, write_permit, lock_timeout })
            }
            Ok(Err(PoolError::Backend(error))) => Err(error),
            Ok(Err(PoolError::Closed)) => Err(sqlx::Error::PoolClosed),
            _ => Err(sqlx::Error::PoolTimedOut),
        }
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (usize, usize) {
        let statuses = self.pools().map(managed::Pool::status);
        statuses.fold((0, 0), |(open, idle), status| (open + status.size, idle + status.available))
    }

    /// Closes all connections and the pool. Waits for connections in use, for at most the acquire timeout.
    ///
    /// The last connection to a file deletes `-wal` and `-shm` when it is closed.
    pub(super) async fn close(&self) {
        let closed = async {
            loop {
                for connection in self.pools().flat_map(|pool| pool.retain(|_, _| false).removed) {
                    // Fails only if the thread of the connection has ended, which also closes the connection.
                    _ = connection.sqlite.close().await;
                }
                if self.connections().0 == 0 {
                    return;
                }
                sleep(CLOSE_PAUSE).await;
            }
        };
        _ = timeout(self.acquire_timeout, closed).await;
        self.pools().for_each(managed::Pool::close);
    }
}

/// A connection in use. After it is dropped, it returns to its pool as soon as its statement has ended.
pub(super) struct SqlitePooledConnection {
    /// Present until `self` is dropped.
    object: Option<Object<SqliteManager>>,
    /// The permit of the statements on this connection.
    permit: Option<StatementPermit>,
    /// The permit to write, if the connection was taken to write.
    write_permit: Option<OwnedSemaphorePermit>,
    /// Maximum time for which a statement waits for a lock of another process.
    lock_timeout: Duration,
}

impl SqlitePooledConnection {
    fn connection(&mut self) -> Result<&mut OpenConnection, sqlx::Error> {
        self.object.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Executes a statement, and interrupts it after `limit`. While another process has locked the file, repeats the
    /// statement, which has no effect then. After this future has been dropped, SQLite waits for the lock for at most
    /// [`LOCK_PAUSE`].
    pub(super) async fn run_unlocked(
        &mut self,
        statement: &Statement,
        limit: Option<Duration>,
    ) -> Result<SqliteReply, sqlx::Error> {
        let started = Instant::now();
        loop {
            match self.run(bound(statement)?, limit).await {
                Err(error) if is_locked(&error) && started.elapsed() < self.lock_timeout => {}
                result => return result,
            }
        }
    }

    /// Executes statements, and interrupts them after `limit`.
    pub(super) async fn run<'q>(
        &mut self,
        query: impl Execute<'q, Driver> + 'q,
        limit: Option<Duration>,
    ) -> Result<SqliteReply, sqlx::Error> {
        let connection = self.connection()?;
        connection.deadline.set(limit);
        connection.run(query).await
    }

    /// Begins a transaction for writing. It is rolled back if the connection is dropped before [`end`](Self::end) has
    /// succeeded.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.run_unlocked(&Statement::from_string(DbBackend::Sqlite, "begin immediate"), None).await?;
        self.roll_back_on_drop()
    }

    /// Prepares the connection for a migration: SQLite itself waits for locks, because scripts cannot be repeated, and
    /// dropping the connection rolls back the open transaction.
    pub(super) async fn dedicate(&mut self) -> Result<(), sqlx::Error> {
        let limit = self.lock_timeout;
        self.connection()?.wait_for_locks(limit).await?;
        self.roll_back_on_drop()
    }

    /// Ends the transaction by executing `command`, which is `commit` or `rollback`.
    pub(super) async fn end(&mut self, command: &'static str) -> Result<(), sqlx::Error> {
        self.run(sqlx::query(command), None).await?;
        self.connection()?.is_reusable = true;
        Ok(())
    }

    /// After this call, dropping the connection rolls back the open transaction, if there is one.
    fn roll_back_on_drop(&mut self) -> Result<(), sqlx::Error> {
        self.connection()?.is_reusable = false;
        Ok(())
    }
}

impl Drop for SqlitePooledConnection {
    fn drop(&mut self) {
        let Some(mut connection) = self.object.take_if(|connection| !connection.is_reusable) else { return };
        connection.deadline.expire();
        // Without a runtime, the connection returns to the pool, which closes it instead of using it again.
        let Ok(runtime) = Handle::try_current() else { return };
        // The connection counts as in use and keeps its permits until the task has ended, so that dropped HTTP requests
        // never occupy more threads than the limits allow.
        let permits = (self.permit.clone(), self.write_permit.take());
        runtime.spawn(async move {
            let _permits = permits;
            if connection.interrupt_and_roll_back().await.is_err() {
                drop(Object::take(connection));
            }
        });
    }
}

/// Returns `true` if a statement had no effect because of a lock of another process.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    // The low byte of an extended result code is the primary result code; 5 is `SQLITE_BUSY`.
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}
