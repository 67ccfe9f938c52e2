//! PostgreSQL: a pool of connections, directly or behind a pooler in transaction mode.
//!
//! Statements are built by sea-orm and sent here, below it, for two reasons.
//!
//! **Poolers.** A pooler in transaction mode gives a server connection to another client as soon as a transaction ends,
//! and the driver ends one between preparing a statement and executing it. With named statements the name is then
//! missing or taken; with unnamed ones the other client's statement runs instead, with our values, and its answer comes
//! back as ours. Inside an explicit transaction the server connection stays; so behind a pooler each statement is sent
//! unnamed within one.
//!
//! **Faults.** A connection whose statement has no answer in time, or whose request has gone, is thrown away, never
//! used again; nobody waits for it. Once one has been found dead, all that are as old are presumed dead too, and once
//! none can be opened, requests are told at once, until one can.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{BuildError, Object};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgQueryResult, PgRow};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection, Executor};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use super::pool::{Loan, Pool, PoolConfig};
use super::store::StoreConfig;

/// How long a connection may take to say that it is alive, or to roll back; less if a request does not wait that long for
/// one.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);
/// What the client waits for an answer beyond the time-out that the server keeps itself.
const GRACE: Duration = Duration::from_secs(1);

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// No connection became free in time.
    #[error("no database connection became free in time")]
    NoConnection,
    /// The database did not answer in time.
    #[error("the database did not answer in time")]
    NoAnswer,
    /// The database or the way to it says why.
    #[error(transparent)]
    Driver(#[from] sqlx::Error),
}

impl Failure {
    /// Whether it is the connection that failed, and the statement would do on another one.
    fn is_of_the_connection(&self) -> bool {
        match self {
            Self::NoConnection => false,
            Self::NoAnswer => true,
            // The server is shutting down, or has shut this connection down.
            Self::Driver(sqlx::Error::Database(error)) => {
                self.is_outdated() || error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            Self::Driver(error) => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_)),
        }
    }

    /// Whether a table was altered after the statement had been prepared ("cached plan must not change result type"). It was
    /// not executed, and never will be on this connection.
    fn is_outdated(&self) -> bool {
        let Self::Driver(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code == "0A000")
    }
}

/// How a connection is started.
pub(super) fn start(options: PgConnectOptions, pooled: bool, statement_timeout: Duration) -> PgConnectOptions {
    let options = options.disable_statement_logging();
    if pooled {
        // Poolers refuse start-up parameters that they do not know.
        options.extra_float_digits(None).statement_cache_capacity(0)
    } else {
        options.options([("statement_timeout", format!("{}ms", statement_timeout.as_millis()))])
    }
}

/// A pool, and how long things may take.
#[derive(Debug)]
pub(super) struct Postgres {
    pool: Pool,
    /// How many connections are in use.
    in_use: AtomicUsize,
    /// Whether no connection can be opened; somebody is trying.
    is_down: AtomicBool,
    options: PgConnectOptions,
    pooled: bool,
    max_connections: u32,
    acquire_timeout: Duration,
    connect_timeout: Duration,
    statement_timeout: Duration,
}

impl Postgres {
    /// Connects when a connection is needed first.
    pub(super) fn new(options: PgConnectOptions, pooled: bool, config: &StoreConfig) -> Result<Self, BuildError> {
        let StoreConfig { max_connections, threads, acquire_timeout, connect_timeout, statement_timeout, .. } = *config;
        let options = start(options, pooled, statement_timeout);
        let pool = Pool::new(&PoolConfig {
            options: options.clone(),
            max_connections: max_connections as usize,
            threads,
            connect_timeout,
            // So that there is time left to open another.
            test_timeout: TEST_TIMEOUT.min(acquire_timeout / 2),
        })?;
        Ok(Self {
            pool,
            in_use: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            options,
            pooled,
            max_connections,
            acquire_timeout,
            connect_timeout,
            statement_timeout,
        })
    }

    /// Gives this thread a part of the connections of its own.
    pub(super) fn claim_part(&self) {
        self.pool.claim_part();
    }

    /// Connections of sea-orm's own, for the migrator; they are closed with what is given.
    pub(super) fn as_sea_orm(&self) -> DatabaseConnection {
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.connect_timeout)
            .connect_lazy_with(self.options.clone());
        SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
    }

    /// Connects, and leaves. What the pool has is not touched: a connection that is opened here would live on this thread.
    pub(super) async fn visit(&self) -> Result<(), Failure> {
        let visit = async { self.options.connect().await?.close().await };
        match timeout(self.connect_timeout, visit).await {
            Ok(visited) => Ok(visited?),
            Err(_elapsed) => Err(Failure::NoConnection),
        }
    }

    /// The rows that a statement gives. It is sent once more when its connection failed, if it only reads, or was not
    /// executed.
    pub(super) async fn rows(self: &Arc<Self>, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let only_reads = statement.sql.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"));
        match self.rows_once(statement).await {
            // Not when it took its time: two waits are too long.
            Err(failure @ Failure::Driver(_))
                if failure.is_outdated() || only_reads && failure.is_of_the_connection() =>
            {
                self.rows_once(statement).await
            }
            result => result,
        }
    }

    async fn rows_once(self: &Arc<Self>, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let mut lease = self.lease().await?;
        let asked = async {
            self.begin_if(self.pooled, &mut lease).await?;
            let rows = lease.fetch_all(query(statement, !self.pooled)).await?;
            commit_if(self.pooled, &mut lease).await?;
            Ok(rows)
        };
        let result = self.within_time(asked).await;
        lease.settle(result, self.pooled).await
    }

    /// What a statement without rows did.
    pub(super) async fn execute(self: &Arc<Self>, statement: &Statement) -> Result<PgQueryResult, Failure> {
        let mut lease = self.lease().await?;
        let asked = async {
            self.begin_if(self.pooled, &mut lease).await?;
            let done = lease.execute(query(statement, !self.pooled)).await?;
            commit_if(self.pooled, &mut lease).await?;
            Ok(done)
        };
        let result = self.within_time(asked).await;
        lease.settle(result, self.pooled).await
    }

    /// Begins a transaction; it is rolled back unless it is committed.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<PgTransaction, Failure> {
        let mut lease = self.lease().await?;
        self.within_time(self.begin_if(true, &mut lease)).await?;
        Ok(PgTransaction(AsyncMutex::new(lease)))
    }

    /// Whether the database answers.
    pub(super) async fn ping(self: &Arc<Self>) -> Result<(), Failure> {
        let mut lease = self.lease().await?;
        let result = self.within_time(async { lease.ping().await }).await;
        lease.settle(result, false).await
    }

    /// How many connections are open, and how many of them are idle.
    pub(super) fn connections(&self) -> (u32, usize) {
        self.pool.connections()
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn lease(self: &Arc<Self>) -> Result<Lease, Failure> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(Failure::NoConnection);
        }
        match timeout(self.acquire_timeout, self.pool.get()).await {
            Ok(Ok(loan)) => Ok(Lease::of(loan, self)),
            Ok(Err(error)) if !matches!(error, sqlx::Error::PoolTimedOut) => Err(error.into()),
            _ => {
                // Nobody has one: they are not exhausted, they cannot be had.
                if self.in_use.load(Ordering::Relaxed) == 0 {
                    self.wait_for_recovery();
                }
                Err(Failure::NoConnection)
            }
        }
    }

    /// Tries to open a connection until one can be opened; requests are not kept waiting meanwhile.
    fn wait_for_recovery(self: &Arc<Self>) {
        if self.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let postgres = Arc::clone(self);
        tokio::spawn(async move {
            // Each call tries for as long as a connection may take to open, with pauses of its own.
            while let Err(sqlx::Error::PoolTimedOut) = postgres.pool.get().await {}
            postgres.is_down.store(false, Ordering::Relaxed);
        });
    }

    async fn within_time<T>(&self, asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
        match timeout(self.statement_timeout + GRACE, asked).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Failure::NoAnswer),
        }
    }

    /// Where the start packet cannot say how long a statement may take, each transaction does.
    async fn begin_if(&self, wanted: bool, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        if !wanted {
            return Ok(());
        }
        let begin = format!("begin; set local statement_timeout = {}", self.statement_timeout.as_millis());
        sqlx::raw_sql(AssertSqlSafe(begin)).execute(connection).await.map(drop)
    }
}

async fn commit_if(wanted: bool, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if wanted { sqlx::raw_sql("commit").execute(connection).await.map(drop) } else { Ok(()) }
}

/// A statement of sea-orm's as one of the driver's: prepared under a name and kept, or unnamed.
fn query(statement: &Statement, named: bool) -> Query<'_, sqlx::Postgres, SqlxValues> {
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values)).persistent(named)
}

/// A connection that goes back to the pool only in good order; dropped in the middle of something it is closed.
#[derive(Debug)]
struct Lease {
    loan: Option<Loan>,
    postgres: Arc<Postgres>,
}

impl Lease {
    fn of(loan: Loan, postgres: &Arc<Postgres>) -> Self {
        postgres.in_use.fetch_add(1, Ordering::Relaxed);
        Self { loan: Some(loan), postgres: Arc::clone(postgres) }
    }

    /// Gives the connection back if the result says that it is fine: an error that the database told is one of the
    /// statement, not of the connection. A transaction that is still open then is rolled back first.
    async fn settle<T>(mut self, result: Result<T, Failure>, in_transaction: bool) -> Result<T, Failure> {
        let is_fine = match &result {
            Ok(_) => true,
            Err(failure) if failure.is_of_the_connection() => {
                self.postgres.pool.connection_broke();
                false
            }
            Err(_) => !in_transaction || self.roll_back().await,
        };
        if is_fine {
            drop(self.loan.take());
        }
        result
    }

    async fn roll_back(&mut self) -> bool {
        let asked = timeout(TEST_TIMEOUT, sqlx::raw_sql("rollback").execute(&mut **self));
        matches!(asked.await, Ok(Ok(_)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.postgres.in_use.fetch_sub(1, Ordering::Relaxed);
        if let Some(loan) = self.loan.take() {
            drop(Object::take(loan));
        }
    }
}

#[expect(clippy::expect_used, reason = "only settle and drop take the connection, and they end the lease")]
impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.loan.as_ref().expect("a lease has its connection until it ends")
    }
}

#[expect(clippy::expect_used, reason = "only settle and drop take the connection, and they end the lease")]
impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.loan.as_mut().expect("a lease has its connection until it ends")
    }
}

/// Statements that take effect together, or not at all: unless it is committed, the transaction is rolled back.
#[derive(Debug)]
pub(super) struct PgTransaction(
    /// Locked, because sea-orm asks through a shared reference.
    AsyncMutex<Lease>,
);

impl PgTransaction {
    /// The rows that a statement gives.
    pub(super) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let mut lease = self.0.lock().await;
        let postgres = Arc::clone(&lease.postgres);
        postgres.within_time(async { lease.fetch_all(query(statement, !postgres.pooled)).await }).await
    }

    /// What a statement without rows did.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<PgQueryResult, Failure> {
        let mut lease = self.0.lock().await;
        let postgres = Arc::clone(&lease.postgres);
        postgres.within_time(async { lease.execute(query(statement, !postgres.pooled)).await }).await
    }

    /// Makes all of it last.
    pub(super) async fn commit(self) -> Result<(), Failure> {
        let mut lease = self.0.into_inner();
        let postgres = Arc::clone(&lease.postgres);
        let result = postgres.within_time(commit_if(true, &mut lease)).await;
        lease.settle(result, true).await
    }

    /// Takes all of it back.
    pub(super) async fn roll_back(self) {
        let mut lease = self.0.into_inner();
        let rolled_back = lease.roll_back().await;
        let _ = lease.settle(rolled_back.then_some(()).ok_or(Failure::NoAnswer), false).await;
    }
}
