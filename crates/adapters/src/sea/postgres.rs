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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::{PoolConnection, PoolConnectionMetadata};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgQueryResult, PgRow};
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection, Executor};
use sea_orm::{DatabaseConnection, SqlxPostgresConnector, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;

use super::store::StoreConfig;

/// A connection that was idle for longer is asked whether it is alive before it is used.
const TEST_WHEN_IDLE_FOR: Duration = Duration::from_secs(1);
/// How long it may take to answer that at the most; less if a request does not wait that long for a connection.
const TEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Idle connections are closed after this: below the five minutes after which a serverless database goes to sleep.
const IDLE_TIMEOUT: Duration = Duration::from_mins(4);
/// Connections are closed after this, so that a database that has moved is found again.
const MAX_LIFETIME: Duration = Duration::from_mins(30);
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
                error.code().is_some_and(|code| code.starts_with("08") || code.starts_with("57P"))
            }
            Self::Driver(error) => matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_)),
        }
    }
}

/// What is known of the way to the database.
#[derive(Debug)]
struct Health {
    /// How long an idle connection may take to answer.
    test_timeout: Duration,
    /// When a connection was found dead last: those that are older are presumed dead.
    broke: Mutex<Option<Instant>>,
    /// How many connections are in use.
    in_use: AtomicUsize,
    /// Whether no connection can be opened; somebody is trying.
    is_down: AtomicBool,
}

impl Health {
    fn new(acquire_timeout: Duration) -> Self {
        Self {
            // So that there is time left to open another.
            test_timeout: TEST_TIMEOUT.min(acquire_timeout / 2),
            broke: Mutex::default(),
            in_use: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
        }
    }

    fn connection_broke(&self) {
        *self.broke.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_presumed_dead(&self, about: &PoolConnectionMetadata) -> bool {
        let broke = *self.broke.lock().unwrap_or_else(PoisonError::into_inner);
        broke.is_some_and(|broke| about.age >= broke.elapsed())
    }

    /// Whether an idle connection can be used; it is asked, unless that is known.
    async fn is_alive(&self, connection: &mut PgConnection, about: PoolConnectionMetadata) -> bool {
        if self.is_presumed_dead(&about) {
            return false;
        }
        if about.idle_for < TEST_WHEN_IDLE_FOR {
            return true;
        }
        let answers = matches!(timeout(self.test_timeout, connection.ping()).await, Ok(Ok(())));
        if !answers {
            self.connection_broke();
        }
        answers
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
#[derive(Debug, Clone)]
pub(super) struct Postgres {
    pool: PgPool,
    health: Arc<Health>,
    pooled: bool,
    acquire_timeout: Duration,
    statement_timeout: Duration,
}

impl Postgres {
    /// Connects when a connection is needed first.
    pub(super) fn new(options: PgConnectOptions, pooled: bool, config: &StoreConfig) -> Self {
        let StoreConfig { max_connections, acquire_timeout, connect_timeout, statement_timeout, .. } = *config;
        let options = start(options, pooled, statement_timeout);
        let health = Arc::new(Health::new(acquire_timeout));
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(connect_timeout)
            .idle_timeout(IDLE_TIMEOUT)
            .max_lifetime(MAX_LIFETIME)
            .test_before_acquire(false)
            .before_acquire({
                let health = Arc::clone(&health);
                move |connection, about| {
                    let health = Arc::clone(&health);
                    Box::pin(async move { Ok(health.is_alive(connection, about).await) })
                }
            })
            .connect_lazy_with(options);
        Self { pool, health, pooled, acquire_timeout, statement_timeout }
    }

    /// The pool as sea-orm knows it, for the migrator.
    pub(super) fn as_sea_orm(&self) -> DatabaseConnection {
        SqlxPostgresConnector::from_sqlx_postgres_pool(self.pool.clone())
    }

    /// The rows that a statement gives. One that only reads is sent once more when its connection failed.
    pub(super) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let only_reads = statement.sql.starts_with("SELECT");
        match self.rows_once(statement).await {
            // Not when it took its time: two waits are too long.
            Err(failure @ Failure::Driver(_)) if only_reads && failure.is_of_the_connection() => {
                self.rows_once(statement).await
            }
            result => result,
        }
    }

    async fn rows_once(&self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
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
    pub(super) async fn execute(&self, statement: &Statement) -> Result<PgQueryResult, Failure> {
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
    pub(super) async fn begin(&self) -> Result<PgTransaction, Failure> {
        let mut lease = self.lease().await?;
        self.within_time(self.begin_if(true, &mut lease)).await?;
        Ok(PgTransaction { lease: AsyncMutex::new(lease), postgres: self.clone() })
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        let mut lease = self.lease().await?;
        let result = self.within_time(async { lease.ping().await }).await;
        lease.settle(result, false).await
    }

    /// How many connections are open, and how many of them are idle.
    pub(super) fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn lease(&self) -> Result<Lease, Failure> {
        if self.health.is_down.load(Ordering::Relaxed) {
            return Err(Failure::NoConnection);
        }
        let pool = self.pool.clone();
        // In a task of its own: a connection that takes long to open, because the database has to wake up, is there for
        // the next request even if this one gives up.
        let opening = tokio::spawn(async move { pool.acquire().await });
        match timeout(self.acquire_timeout, opening).await {
            Ok(Ok(Ok(connection))) => Ok(Lease::of(connection, &self.health)),
            Ok(Ok(Err(error))) if !matches!(error, sqlx::Error::PoolTimedOut) => Err(error.into()),
            _ => {
                // Nobody has one: they are not exhausted, they cannot be had.
                if self.health.in_use.load(Ordering::Relaxed) == 0 {
                    self.wait_for_recovery();
                }
                Err(Failure::NoConnection)
            }
        }
    }

    /// Tries to open a connection until one can be opened; requests are not kept waiting meanwhile.
    fn wait_for_recovery(&self) {
        if self.health.is_down.swap(true, Ordering::Relaxed) {
            return;
        }
        let (pool, health) = (self.pool.clone(), Arc::clone(&self.health));
        tokio::spawn(async move {
            // Each call tries for as long as a connection may take to open, with pauses of its own.
            while let Err(sqlx::Error::PoolTimedOut) = pool.acquire().await {}
            health.is_down.store(false, Ordering::Relaxed);
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
    connection: Option<PoolConnection<sqlx::Postgres>>,
    health: Arc<Health>,
}

impl Lease {
    fn of(connection: PoolConnection<sqlx::Postgres>, health: &Arc<Health>) -> Self {
        health.in_use.fetch_add(1, Ordering::Relaxed);
        Self { connection: Some(connection), health: Arc::clone(health) }
    }

    /// Gives the connection back if the result says that it is fine: an error that the database told is one of the
    /// statement, not of the connection. A transaction that is still open then is rolled back first.
    async fn settle<T>(mut self, result: Result<T, Failure>, in_transaction: bool) -> Result<T, Failure> {
        let is_fine = match &result {
            Ok(_) => true,
            Err(failure) if failure.is_of_the_connection() => {
                self.health.connection_broke();
                false
            }
            Err(_) => !in_transaction || self.roll_back().await,
        };
        if is_fine {
            drop(self.connection.take());
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
        self.health.in_use.fetch_sub(1, Ordering::Relaxed);
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

#[expect(clippy::expect_used, reason = "only settle and drop take the connection, and they end the lease")]
impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("a lease has its connection until it ends")
    }
}

#[expect(clippy::expect_used, reason = "only settle and drop take the connection, and they end the lease")]
impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a lease has its connection until it ends")
    }
}

/// Statements that take effect together, or not at all: unless it is committed, the transaction is rolled back.
#[derive(Debug)]
pub(super) struct PgTransaction {
    /// Locked, because sea-orm asks through a shared reference.
    lease: AsyncMutex<Lease>,
    postgres: Postgres,
}

impl PgTransaction {
    /// The rows that a statement gives.
    pub(super) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, Failure> {
        let mut lease = self.lease.lock().await;
        let named = !self.postgres.pooled;
        self.postgres.within_time(async { lease.fetch_all(query(statement, named)).await }).await
    }

    /// What a statement without rows did.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<PgQueryResult, Failure> {
        let mut lease = self.lease.lock().await;
        let named = !self.postgres.pooled;
        self.postgres.within_time(async { lease.execute(query(statement, named)).await }).await
    }

    /// Makes all of it last.
    pub(super) async fn commit(self) -> Result<(), Failure> {
        let Self { lease, postgres } = self;
        let mut lease = lease.into_inner();
        let result = postgres.within_time(commit_if(true, &mut lease)).await;
        lease.settle(result, true).await
    }

    /// Takes all of it back.
    pub(super) async fn roll_back(self) {
        let mut lease = self.lease.into_inner();
        let rolled_back = lease.roll_back().await;
        let _ = lease.settle(rolled_back.then_some(()).ok_or(Failure::NoAnswer), false).await;
    }
}
