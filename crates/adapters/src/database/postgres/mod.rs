//! PostgreSQL through tokio-postgres and deadpool: directly, or behind a pooler in transaction mode.
//!
//! **Poolers.** Such a pooler gives the server connection to another client as soon as a transaction ends. A named
//! statement is then missing, or worse: it is another client's statement of the same name, which the server executes with
//! our values. So statements are unnamed, and sent with their values in one round trip, until [`connector`] has proved of
//! that very connection that nothing is in between.
//!
//! **Time limits.** On a direct connection the server ends a statement itself (`statement_timeout`). A pooler refuses that
//! setting, so behind one the client does it with a cancel request; there, nothing but the limits of the role and the
//! database bounds a statement whose client is gone.
//!
//! **Failures.** A statement whose request has ended, or that does not end in time, is cancelled, and its connection keeps
//! its place in the pool until the server has ended the statement. Reads are repeated once on another connection. Writes are
//! repeated only when the server certainly did not execute them; otherwise their outcome is reported as unknown.

mod certificate;
mod connection;
mod connector;
mod dedicated;
mod diagnosis;
mod failure;
mod pool;
mod problem;
mod socket;
mod tls;
mod values;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{Object, PoolError};
use sea_orm::{DatabaseConnection, QueryResult, Statement};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use self::connection::{Connection, Reply};
use self::connector::Connector;
pub(super) use self::diagnosis::examine;
pub(super) use self::failure::{ConnectError, Failure, db_err, failure};
use self::pool::{Health, Manager, Pool, Pooled};
pub(super) use self::tls::{Roots, TlsConfig, Verification};
pub(super) use self::values::{Integer, Text, ValueError};
use super::connect::StoreConfig;
use super::problem::DatabaseProblem;
use super::url::PostgresUrl;

/// Time in which an unused connection must say that it is alive; half of what a request waits for one if that is less.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Time beyond the server's own limit after which the client cancels a statement, and time that the server then has.
const GRACE: Duration = Duration::from_secs(1);
/// Time after which a connection is given up although the server has not answered a cancel request.
const GIVE_UP: Duration = Duration::from_secs(5);

/// The effect of a statement that succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It reads, or its effect ends with a transaction that is not committed.
    None,
    Lasting,
}

impl Effect {
    fn of(statement: &Statement) -> Self {
        let is_read = statement.sql.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"));
        if is_read { Self::None } else { Self::Lasting }
    }
}

/// A pool of connections to PostgreSQL, and the time limits of their use.
pub(super) struct Postgres {
    pool: Pool,
    connector: Arc<Connector>,
    health: Arc<Health>,
    /// `true` while no connection can be opened; a task keeps trying.
    is_down: AtomicBool,
    acquire_timeout: Duration,
    statement_timeout: Duration,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    /// Returns a pool that connects when a connection is needed. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`DatabaseProblem`] when a certificate file cannot be used.
    pub(super) fn new(url: &PostgresUrl, config: &StoreConfig) -> Result<Self, DatabaseProblem> {
        let StoreConfig { max_connections, acquire_timeout, connect_timeout, statement_timeout, .. } = *config;
        let connector = Connector::new(url, connect_timeout, statement_timeout);
        let connector = Arc::new(connector.map_err(|error| DatabaseProblem::from_postgres(&error, url))?);
        let health = Arc::new(Health::default());
        let manager = Manager {
            connector: Arc::clone(&connector),
            health: Arc::clone(&health),
            connect_timeout,
            // Leaves time to open another one.
            test_timeout: TEST_TIMEOUT.min(acquire_timeout / 2),
        };
        let pool = Pool::new(&manager, max_connections as usize);
        let pool =
            pool.map_err(|error| DatabaseProblem::new(error.to_string(), "report it as an error in Taskbridge"))?;
        Ok(Self { pool, connector, health, is_down: AtomicBool::new(false), acquire_timeout, statement_timeout })
    }

    /// Opens a connection that the pool does not know, for sea-orm's migrator.
    pub(super) async fn dedicated(&self) -> Result<DatabaseConnection, DatabaseProblem> {
        let connection = self.connector.connect().await.map_err(|error| self.problem(&error))?;
        Ok(dedicated::connection(connection))
    }

    /// Returns what an error from connecting means.
    pub(super) fn problem(&self, error: &ConnectError) -> DatabaseProblem {
        self.connector.problem(error)
    }

    /// Connects to a server that accepts writes, and leaves.
    pub(super) async fn visit(&self) -> Result<(), ConnectError> {
        let connection = self.connector.connect().await?;
        let is_read_only = connection.is_read_only;
        connection.close().await;
        if is_read_only { Err(ConnectError::ReadOnly) } else { Ok(()) }
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(self: &Arc<Self>, statement: &Statement) -> Result<Vec<QueryResult>, Failure> {
        let reply = self.run(statement).await?;
        match (read(&reply), Effect::of(statement)) {
            // It was executed, but its result cannot be read.
            (Err(failure), Effect::Lasting) => Err(Failure::OutcomeUnknown(Box::new(failure))),
            (result, _) => result,
        }
    }

    /// Executes a statement and returns its rows as the driver has them.
    pub(super) async fn rows(self: &Arc<Self>, statement: &Statement) -> Result<Vec<Row>, Failure> {
        Ok(self.run(statement).await?.rows)
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(self: &Arc<Self>, statement: &Statement) -> Result<u64, Failure> {
        Ok(self.run(statement).await?.rows_affected)
    }

    async fn run(self: &Arc<Self>, statement: &Statement) -> Result<Reply, Failure> {
        let effect = Effect::of(statement);
        match self.run_once(statement, effect).await {
            Err(failure) if failure.allows_repetition(effect) => self.run_once(statement, effect).await,
            result => result,
        }
    }

    async fn run_once(self: &Arc<Self>, statement: &Statement, effect: Effect) -> Result<Reply, Failure> {
        let mut lease = self.lease().await?;
        lease.exchange(effect, async |connection| connection.run(statement).await).await
    }

    /// Begins a transaction. It is rolled back unless it is committed.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<PgTransaction, Failure> {
        match self.begin_once().await {
            Err(failure) if failure.allows_repetition(Effect::None) => self.begin_once().await,
            result => result,
        }
    }

    async fn begin_once(self: &Arc<Self>) -> Result<PgTransaction, Failure> {
        let mut lease = self.lease().await?;
        lease.is_in_transaction = true;
        lease.exchange(Effect::None, async |connection| connection.run_script("begin").await).await?;
        Ok(PgTransaction(Mutex::new(lease)))
    }

    /// Checks that a server answers and accepts writes.
    pub(super) async fn check_writable(self: &Arc<Self>) -> Result<(), Failure> {
        if self.is_writable().await? || self.is_writable().await? { Ok(()) } else { Err(ConnectError::ReadOnly.into()) }
    }

    /// Returns `false` if the server accepts no writes, and discards the connection then.
    async fn is_writable(self: &Arc<Self>) -> Result<bool, Failure> {
        let mut lease = self.lease().await?;
        let asked = lease.exchange(Effect::None, async |connection| connection.is_writable().await).await;
        if let Ok(false) = asked {
            lease.discard(Discard::Older { is_read_only: true });
        }
        match asked {
            Err(failure) if failure.allows_repetition(Effect::None) => {
                let mut lease = self.lease().await?;
                lease.exchange(Effect::None, async |connection| connection.is_writable().await).await
            }
            result => result,
        }
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (u32, usize) {
        let (open, idle) = self.pool.connections();
        (u32::try_from(open).unwrap_or(u32::MAX), idle)
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn lease(self: &Arc<Self>) -> Result<Lease, Failure> {
        let acquired = timeout(self.acquire_timeout, async {
            match self.pool.idle().await {
                Some(idle) => Some(Ok(idle)),
                None if self.is_down.load(Ordering::Relaxed) => None,
                None => Some(self.pool.get().await),
            }
        });
        match acquired.await {
            Ok(Some(Ok(pooled))) => Ok(Lease::of(pooled, self)),
            Ok(Some(Err(PoolError::Backend(error)))) if !error.is_transient() => Err(error.into()),
            Ok(None) => Err(Failure::Down),
            Ok(Some(Err(_))) | Err(_) => {
                // Not a single connection is open: the pool is not exhausted, the database is away.
                if self.pool.connections().0 > 0 {
                    return Err(Failure::NoConnection);
                }
                self.wait_for_recovery();
                Err(Failure::Down)
            }
        }
    }

    /// Tries to open a connection until it succeeds. Meanwhile requests are not kept waiting.
    fn wait_for_recovery(self: &Arc<Self>) {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let postgres = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(postgres) = postgres.upgrade() {
                // Each call pauses between its own attempts.
                match postgres.pool.get().await {
                    Err(PoolError::Backend(error)) if error.is_transient() => {
                        tracing::warn!(%error, "the database cannot be reached");
                    }
                    _ => {
                        postgres.is_down.store(false, Ordering::Relaxed);
                        tracing::info!("the database can be reached again");
                        return;
                    }
                }
            }
        });
    }
}

impl Failure {
    /// Returns `true` if a statement may be sent once more on another connection.
    fn allows_repetition(&self, effect: Effect) -> bool {
        // Not after a timeout: two of them are too long.
        self.excludes_execution() || effect == Effect::None && (matches!(self, Self::Lost(_)) || self.is_shutdown())
    }

    /// Returns `true` if a transaction that failed like this had no effect, and may be repeated. The failure of a commit
    /// is one of unknown outcome instead.
    pub(super) fn allows_repetition_of_transaction(&self) -> bool {
        self.allows_repetition(Effect::None)
    }

    /// Returns `true` if the server certainly did not execute the statement, and may do so on another connection.
    fn excludes_execution(&self) -> bool {
        matches!(self, Self::NotSent(_))
            || self.is_conflict()
            || self.is_read_only()
            || self.is_stale_plan()
            || self.sql_state().is_some_and(|state| {
                *state == SqlState::INVALID_SQL_STATEMENT_NAME
                    || *state == SqlState::DUPLICATE_PSTATEMENT
                    || *state == SqlState::CANNOT_CONNECT_NOW
            })
    }
}

fn read(reply: &Reply) -> Result<Vec<QueryResult>, Failure> {
    reply.rows.iter().map(|row| Ok(values::proxy_row(row)?.into())).collect()
}

/// A connection in use. When it is dropped it returns to the pool, unless it broke or was left in the middle of something.
struct Lease {
    /// `None` once the connection has been discarded.
    pooled: Option<Pooled>,
    postgres: Arc<Postgres>,
    /// `true` while a reply is outstanding.
    is_waiting: bool,
    /// `true` once a cancel request was sent.
    is_cancelled: bool,
    is_in_transaction: bool,
}

impl Lease {
    fn of(pooled: Pooled, postgres: &Arc<Postgres>) -> Self {
        Self {
            pooled: Some(pooled),
            postgres: Arc::clone(postgres),
            is_waiting: false,
            is_cancelled: false,
            is_in_transaction: false,
        }
    }

    /// Sends a request and returns its result. A connection that broke is discarded.
    async fn exchange<T>(
        &mut self,
        effect: Effect,
        request: impl AsyncFnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let result = self.wait(effect, request).await;
        if self.is_cancelled && !self.is_waiting {
            // The cancel request may arrive late, and must not meet another statement.
            self.discard(Discard::This);
        }
        let failure = match result {
            Ok(value) => return Ok(value),
            Err(failure) => failure,
        };
        if failure.is_statement_mismatch() {
            self.postgres.connector.stop_naming_statements();
        }
        if failure.breaks_connection() {
            self.discard(Discard::Older { is_read_only: failure.is_read_only() });
        }
        Err(if effect == Effect::Lasting { failure.of_a_write() } else { failure })
    }

    /// Waits for the result of a request, which is cancelled when it takes too long.
    async fn wait<T>(
        &mut self,
        effect: Effect,
        request: impl AsyncFnOnce(&mut Connection) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let Self { pooled, postgres, is_waiting, is_cancelled, .. } = self;
        let Some(pooled) = pooled else { return Err(Failure::connection_closed()) };
        // The server's own limit, if it has one, comes first.
        let limit = postgres.statement_timeout + if pooled.is_direct() { GRACE } else { Duration::ZERO };
        let (token, endpoint) = (pooled.cancel_token(), Arc::clone(&pooled.endpoint));
        *is_waiting = true;
        let mut reply = pin!(request(pooled));
        if let Ok(result) = timeout(limit, &mut reply).await {
            *is_waiting = false;
            return result;
        }
        let connector = Arc::clone(&postgres.connector);
        *is_cancelled = true;
        tokio::spawn(connector.cancel(token, endpoint));
        let Ok(result) = timeout(GRACE, reply).await else { return Err(Failure::Timeout) };
        *is_waiting = false;
        // A commit that waits for a standby is not undone by the cancel request: it returns, and the standby may not have it.
        let is_final = effect == Effect::None && !self.is_in_transaction;
        if is_final || result.is_err() { result } else { Err(Failure::Timeout) }
    }

    /// Takes the connection from the pool.
    fn discard(&mut self, scope: Discard) {
        let Some(pooled) = self.pooled.take() else { return };
        if let Discard::Older { is_read_only } = scope {
            self.postgres.health.distrust(is_read_only);
        }
        if self.is_waiting || self.is_in_transaction {
            self.abandon(pooled);
        } else {
            drop(Object::take(pooled));
        }
    }

    /// Cancels what the connection executes and closes it. It keeps its place in the pool until the server has ended the
    /// statement, but not for longer than [`GIVE_UP`].
    fn abandon(&self, pooled: Pooled) {
        let mut abandoned = Abandoned(Some(pooled));
        let Ok(runtime) = Handle::try_current() else { return };
        let (connector, is_waiting) = (Arc::clone(&self.postgres.connector), self.is_waiting);
        runtime.spawn(async move {
            let Some(connection) = &mut abandoned.0 else { return };
            let ended = async {
                if is_waiting {
                    _ = connector.cancel(connection.cancel_token(), Arc::clone(&connection.endpoint)).await;
                }
                // Answered after all that was sent before.
                connection.run_script("rollback").await
            };
            let is_alive = matches!(timeout(GIVE_UP, ended).await, Ok(Ok(())));
            if let Some(pooled) = abandoned.0.take_if(|_| is_alive) {
                _ = timeout(GRACE, Object::take(pooled).close()).await;
            }
        });
    }
}

/// A connection that never returns to its pool.
struct Abandoned(Option<Pooled>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(pooled) = self.0.take() {
            drop(Object::take(pooled));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_waiting || self.is_in_transaction {
            self.discard(Discard::This);
        }
    }
}

/// The connections to discard.
#[derive(Clone, Copy)]
enum Discard {
    /// Only this one.
    This,
    /// This one and those that are older: they may have the same defect.
    Older { is_read_only: bool },
}

/// Statements that take effect together or not at all. Unless the transaction is committed, it is rolled back.
#[derive(Debug)]
pub(super) struct PgTransaction(
    /// Locked, because sea-orm asks through a shared reference.
    Mutex<Lease>,
);

impl PgTransaction {
    async fn run(&self, statement: &Statement) -> Result<Reply, Failure> {
        self.0.lock().await.exchange(Effect::None, async |connection| connection.run(statement).await).await
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, Failure> {
        read(&self.run(statement).await?)
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, Failure> {
        Ok(self.run(statement).await?.rows_affected)
    }

    /// Commits the transaction.
    pub(super) async fn commit(self) -> Result<(), Failure> {
        self.end("commit", Effect::Lasting).await
    }

    /// Rolls the transaction back.
    pub(super) async fn roll_back(self) {
        // If that fails, the connection is closed, which has the same effect.
        _ = self.end("rollback", Effect::None).await;
    }

    async fn end(self, command: &str, effect: Effect) -> Result<(), Failure> {
        let mut lease = self.0.into_inner();
        let ended = lease.exchange(effect, async |connection| connection.run_script(command).await).await;
        lease.is_in_transaction = ended.is_err();
        ended
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}
