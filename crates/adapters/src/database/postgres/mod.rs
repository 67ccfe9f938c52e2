//! PostgreSQL through tokio-postgres and deadpool: directly, or behind a pooler in transaction mode.
//!
//! **Poolers.** A pooler in transaction mode lends its connection to the PostgreSQL server to another program as soon
//! as a transaction ends. A named statement that Taskbridge prepared is then missing or, worse, another program has
//! prepared a statement of the same name, which the PostgreSQL server would execute with Taskbridge's values.
//! Statements are therefore named only if the settings say, or [`connector`] has proved, that there is no pooler.
//! Otherwise they are unnamed, and are sent together with their values in one round trip.
//!
//! **Timeouts.** On a direct connection, the PostgreSQL server enforces `statement_timeout`. Poolers reject that
//! setting, so behind a pooler Taskbridge measures the time and sends a cancel request. If Taskbridge itself crashes,
//! only the timeouts set for the role or the database still limit the statement.
//!
//! **Shared connections.** Short reads, of tasks and sessions, share direct connections, as [`shared`] describes.
//! All other statements use a connection exclusively.
//!
//! **Failures.** A statement that exceeds its timeout, or whose HTTP request is dropped, is cancelled on the PostgreSQL
//! server; until it has ended, its connection counts toward the pool's maximum. If a connection breaks, a read is
//! repeated once on another connection. A write is repeated only if it certainly had no effect; otherwise its outcome
//! is reported as unknown.

mod advice;
mod certificate;
mod connection;
mod connector;
mod error;
mod pool;
mod pooled_connection;
mod shared;
mod socket;
mod tls;
mod transaction;
mod values;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool::managed::PoolError;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, ProxyRow, QueryResult, Statement};
use tokio::time::timeout;
use tokio_postgres::Row;

pub(super) use self::connection::Connection;
use self::connection::PostgresReply;
pub(super) use self::connector::Connector;
pub(super) use self::error::{ConnectError, Effect, StatementError, sql_state_may_pass};
use self::pool::{Health, PostgresManager, PostgresPool};
use self::pooled_connection::{Discard, PooledConnection};
use self::shared::SharedConnections;
pub(super) use self::transaction::PostgresTransaction;
pub(super) use self::values::{Integer, ValueError};
use super::config::StoreConfig;
use super::dedicated::{DedicatedConnection, dedicated};
use super::driver_error::to_db_err;
use super::problem::DatabaseProblem;
use super::url::PostgresUrl;

/// An idle connection must reply to a test within this time or half of the acquire timeout, whichever is shorter.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection pool for PostgreSQL.
pub(super) struct Postgres {
    pool: Arc<PostgresPool>,
    /// Connections that are used while all others are in use.
    reserve: Option<Arc<PostgresPool>>,
    /// Connections of `pool` that several short reads use at the same time.
    shared: Arc<SharedConnections>,
    /// `true` while no connection can be opened. A background task sets it to `false` as soon as it has opened a
    /// connection.
    is_down: Arc<AtomicBool>,
    acquire_timeout: Duration,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Returns a pool, which opens connections when they are needed. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`DatabaseProblem`] if a certificate file cannot be used.
    pub(super) fn new(url: &PostgresUrl, config: &StoreConfig) -> Result<Self, DatabaseProblem> {
        let StoreConfig { max_connections, acquire_timeout, connect_timeout, statement_timeout, .. } = *config;
        let connector = Connector::new(url, connect_timeout, statement_timeout);
        let manager = PostgresManager {
            connector: Arc::new(connector.map_err(|error| DatabaseProblem::from_postgres(&error, url))?),
            health: Arc::new(Health::default()),
            connect_timeout,
            statement_timeout,
            // The test takes at most half of the acquire timeout, so that time remains to open another connection if it
            // fails.
            test_timeout: TEST_TIMEOUT.min(acquire_timeout / 2),
        };
        let pool = |size: u32| {
            let pool = PostgresPool::new(manager.clone(), size as usize).map(Arc::new);
            pool.map_err(|error| DatabaseProblem::new(error.to_string(), "report this as a bug in Taskbridge"))
        };
        let reserved = config.reserved_connections();
        let reserve = (reserved > 0).then(|| pool(reserved)).transpose()?;
        let pool = pool(max_connections - reserved)?;
        let shared = Arc::new(SharedConnections::new(&pool, config.share_connections));
        Ok(Self { pool, reserve, shared, is_down: Arc::default(), acquire_timeout })
    }

    /// Returns the same pool without its reserved connections.
    pub(super) fn without_reserve(&self) -> Self {
        let Self { pool, shared, is_down, acquire_timeout, .. } = self;
        Self {
            pool: Arc::clone(pool),
            reserve: None,
            shared: Arc::clone(shared),
            is_down: Arc::clone(is_down),
            acquire_timeout: *acquire_timeout,
        }
    }

    fn pools(&self) -> impl Iterator<Item = &Arc<PostgresPool>> {
        [&self.pool].into_iter().chain(&self.reserve)
    }

    /// Opens a connection outside of the pool, for migrations. Its statements are unnamed, because there may be a
    /// pooler. On a direct connection, they have no timeouts.
    pub(super) async fn dedicated(&self) -> Result<DatabaseConnection, DatabaseProblem> {
        let mut connection = self.pool.manager.connector.connect().await.map_err(|error| self.problem(&error))?;
        if connection.is_direct() {
            let unlimited = connection.run_script("set statement_timeout = 0; set lock_timeout = 0").await;
            unlimited.map_err(|error| self.problem(&error.into()))?;
        }
        Ok(dedicated(DbBackend::Postgres, connection.unnamed()))
    }

    /// Describes an error from connecting, with advice.
    pub(super) fn problem(&self, error: &ConnectError) -> DatabaseProblem {
        DatabaseProblem::from_postgres(error, &self.pool.manager.connector.url)
    }

    /// Opens and closes a connection, to check that a PostgreSQL server accepts writes.
    pub(super) async fn try_connect(&self) -> Result<(), ConnectError> {
        let connection = self.pool.manager.connector.connect().await?;
        let is_read_only = connection.is_read_only;
        connection.close().await;
        if is_read_only { Err(ConnectError::ReadOnly) } else { Ok(()) }
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(self: &Arc<Self>, statement: &Statement) -> Result<Vec<QueryResult>, StatementError> {
        let reply = self.run(statement).await?;
        match (reply.proxy_rows(), Effect::of(statement)) {
            // The write was executed and may have taken effect, although its result cannot be read.
            (Err(failure), Effect::Lasting) => Err(StatementError::OutcomeUnknown(Box::new(failure))),
            (result, _) => result,
        }
    }

    /// Executes a statement and returns the driver's rows.
    pub(super) async fn rows(self: &Arc<Self>, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        Ok(self.run(statement).await?.rows)
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(self: &Arc<Self>, statement: &Statement) -> Result<u64, StatementError> {
        Ok(self.run(statement).await?.rows_affected)
    }

    /// Executes a short read and returns the driver's rows. The connection may be shared with other short reads.
    pub(super) async fn short_rows(self: &Arc<Self>, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        Ok(self.read(statement).await?.rows)
    }

    async fn read(self: &Arc<Self>, statement: &Statement) -> Result<PostgresReply, StatementError> {
        if Effect::of(statement) == Effect::None
            && let Some(reply) = self.shared.read(statement).await
        {
            return Ok(reply);
        }
        let reply = self.run(statement).await?;
        self.shared.start();
        Ok(reply)
    }

    async fn run(self: &Arc<Self>, statement: &Statement) -> Result<PostgresReply, StatementError> {
        let effect = Effect::of(statement);
        repeat_once(effect, || async move {
            self.acquire().await?.exchange(effect, async |connection| connection.run(statement).await).await
        })
        .await
    }

    /// Begins a transaction.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<PostgresTransaction, StatementError> {
        repeat_once(Effect::None, || async { PostgresTransaction::begin(self.acquire().await?).await }).await
    }

    /// Checks that a PostgreSQL server responds and accepts writes.
    pub(super) async fn check_writable(self: &Arc<Self>) -> Result<(), StatementError> {
        let is_writable = || repeat_once(Effect::None, || self.is_writable());
        if is_writable().await? || is_writable().await? { Ok(()) } else { Err(ConnectError::ReadOnly.into()) }
    }

    /// Returns `true` if the PostgreSQL server accepts writes. Discards the connection if the server is read-only.
    async fn is_writable(self: &Arc<Self>) -> Result<bool, StatementError> {
        let mut connection = self.acquire().await?;
        let is_writable = connection.exchange(Effect::None, async |connection| connection.is_writable().await).await?;
        if !is_writable {
            connection.discard(Discard::Older { is_read_only: true });
        }
        Ok(is_writable)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (usize, usize) {
        let counts = self.pools().map(|pool| pool.connections());
        counts.fold((0, 0), |(all_open, all_idle), (open, idle)| (all_open + open, all_idle + idle))
    }

    /// Closes all idle connections. Connections in use are closed when they are returned to the pool.
    pub(super) async fn close(&self) {
        self.shared.close();
        for pool in self.pools() {
            pool.close().await;
        }
    }

    /// Takes an idle connection from the pool, opens a new one, or waits until one is returned.
    async fn acquire(self: &Arc<Self>) -> Result<PooledConnection, StatementError> {
        let acquired = timeout(self.acquire_timeout, async {
            match self.pool.idle().await {
                Some(idle) => Some(Ok(idle)),
                None if self.is_down.load(Ordering::Relaxed) => None,
                None => Some(match (self.pool.open().await, &self.reserve) {
                    (Some(opened), _) => opened,
                    (None, Some(reserve)) => reserve.get().await,
                    (None, None) => self.pool.wait().await,
                }),
            }
        });
        match acquired.await {
            Ok(Some(Ok(object))) => Ok(PooledConnection::new(object, &self.pool)),
            Ok(Some(Err(PoolError::Backend(error)))) if !error.is_transient() => Err(error.into()),
            Ok(None) => Err(StatementError::Down),
            Ok(Some(Err(_))) | Err(_) => {
                // If connections are open, the pool is exhausted. Otherwise, the database is unreachable.
                if self.pool.connections().0 > 0 {
                    return Err(StatementError::NoConnection);
                }
                self.wait_for_recovery();
                Err(StatementError::Down)
            }
        }
    }

    /// Starts a task that tries to open a connection until it succeeds. Until then, HTTP requests fail at once.
    fn wait_for_recovery(&self) {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let (pool, is_down) = (Arc::downgrade(&self.pool), Arc::clone(&self.is_down));
        tokio::spawn(async move {
            while let Some(pool) = pool.upgrade() {
                // Each call of `get` makes several attempts, with pauses.
                match pool.get().await {
                    Err(PoolError::Backend(error)) if error.is_transient() => {
                        tracing::warn!(%error, "the database cannot be reached");
                    }
                    _ => {
                        is_down.store(false, Ordering::Relaxed);
                        tracing::info!("the database can be reached again");
                        return;
                    }
                }
            }
        });
    }
}

/// A connection pool for PostgreSQL, which executes short reads on shared connections.
pub(super) struct ShortReads(pub(super) Arc<Postgres>);

impl ShortReads {
    /// Executes a short read and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, StatementError> {
        self.0.read(statement).await?.proxy_rows()
    }

    /// Executes a statement on an exclusive connection and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, StatementError> {
        self.0.execute(statement).await
    }
}

/// Calls `attempt`, and calls it once more after an error that allows a repetition.
async fn repeat_once<T, F>(effect: Effect, attempt: impl Fn() -> F) -> Result<T, StatementError>
where
    F: Future<Output = Result<T, StatementError>>,
{
    match attempt().await {
        Err(error) if error.allows_repetition(effect) => attempt().await,
        result => result,
    }
}

#[async_trait]
impl DedicatedConnection for Connection {
    async fn query(&mut self, statement: &Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let reply = self.run(statement).await.map_err(to_db_err)?;
        reply
            .rows
            .iter()
            .map(|row| values::proxy_row(row).map_err(|error| to_db_err(StatementError::from(error))))
            .collect()
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DbErr> {
        match &statement.values {
            Some(_) => self.run(statement).await.map(|reply| reply.rows_affected),
            None => self.run_script(&statement.sql).await.map(|()| 0),
        }
        .map_err(to_db_err)
    }
}
