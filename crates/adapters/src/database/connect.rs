//! Opens and closes a database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DbErr};
use taskbridge_domain::ports::{StoreError, StoreProbe};
use taskbridge_schema::{AuthTable, Rewriter, SchemaMap};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::catalog::has_columns;
use super::config::StoreConfig;
use super::connection_pool::{ConnectionPool, Driver};
use super::error::{self, store_error};
use super::postgres::Postgres;
use super::problem::DatabaseProblem;
use super::restrictions::{RestrictionColumns, RestrictionColumnsCache};
use super::sqlite::Sqlite;
use super::url::ParsedUrl;

/// An error from opening the database. Its text does not contain the URL.
#[derive(Debug, Error)]
pub enum OpenError {
    /// No PostgreSQL server became usable within the start timeout.
    #[error("the database could not be used within {} seconds: {problem}", waited.as_secs())]
    Absent {
        /// The time for which Taskbridge waited, which is the start timeout.
        waited: Duration,
        /// The reason why the last attempt failed.
        problem: DatabaseProblem,
    },
    /// An error that waiting does not resolve.
    #[error("cannot open the database: {0}")]
    Refused(DatabaseProblem),
}

/// An open database. Clones share its connection pool.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) pool: ConnectionPool,
    restriction_columns: RestrictionColumnsCache,
}

impl Store {
    /// Returns a store whose tables have the names that the map says.
    fn new(driver: Driver<Sqlite, Arc<Postgres>>, map: SchemaMap) -> Self {
        let pool = ConnectionPool { driver, rewriter: Arc::new(Rewriter::new(map)) };
        Self { pool, restriction_columns: RestrictionColumnsCache::default() }
    }

    /// Opens the database, whose tables have the names of Better Auth unless [`with_map`](Self::with_map) says otherwise.
    /// Waits for a PostgreSQL server that accepts writes, for at most the start timeout.
    ///
    /// # Errors
    /// [`OpenError`] if the database cannot be used.
    pub async fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let driver = match &config.url.0 {
            ParsedUrl::Sqlite(url) => Driver::Sqlite(Sqlite::open(url, config).await.map_err(OpenError::Refused)?),
            ParsedUrl::Postgres(url) => {
                let postgres = Postgres::new(url, config).map_err(OpenError::Refused)?;
                wait_for_server(&postgres, config.start_timeout).await?;
                Driver::Postgres(Arc::new(postgres))
            }
        };
        Ok(Self::new(driver, SchemaMap::canonical()))
    }

    /// Opens the database for reading. A SQLite file must exist and is not changed; a PostgreSQL server may be
    /// read-only.
    ///
    /// # Errors
    /// [`OpenError::Refused`] if the SQLite file, or a certificate file for PostgreSQL, cannot be used. Does not
    /// connect to PostgreSQL yet, so a connection error occurs only later.
    pub async fn open_to_read(config: &StoreConfig) -> Result<Self, OpenError> {
        match &config.url.0 {
            ParsedUrl::Sqlite(url) => Sqlite::open_to_read(url, config).await.map(Driver::Sqlite),
            ParsedUrl::Postgres(url) => Postgres::new(url, config).map(|pool| Driver::Postgres(Arc::new(pool))),
        }
        .map(|driver| Self::new(driver, SchemaMap::canonical()))
        .map_err(OpenError::Refused)
    }

    /// Returns the same store, whose tables have the names that the map says.
    #[must_use]
    pub fn with_map(self, map: SchemaMap) -> Self {
        Self::new(self.pool.driver, map)
    }

    /// Returns the names of Better Auth's tables and columns in the database.
    #[must_use]
    pub fn map(&self) -> &SchemaMap {
        self.pool.rewriter.map()
    }

    /// Returns a connection for migrations, without a statement timeout except that of a pooler. On SQLite, it is taken
    /// from the pool. On PostgreSQL, it is a new connection, which is closed when it is dropped.
    ///
    /// # Errors
    /// [`OpenError::Refused`] if the connection cannot be opened.
    pub async fn dedicated(&self) -> Result<DatabaseConnection, OpenError> {
        match &self.pool.driver {
            Driver::Sqlite(sqlite) => sqlite.dedicated().await,
            Driver::Postgres(postgres) => postgres.dedicated().await,
        }
        .map_err(OpenError::Refused)
    }

    /// Returns the same store for statements that must not use the reserved connections, an eighth of the maximum. The
    /// statements of `self` use them while all others are in use.
    #[must_use]
    pub fn without_reserve(&self) -> Self {
        let driver = match &self.pool.driver {
            Driver::Sqlite(sqlite) => Driver::Sqlite(sqlite.without_reserve()),
            Driver::Postgres(postgres) => Driver::Postgres(Arc::new(postgres.without_reserve())),
        };
        Self { pool: self.pool.with(driver), ..self.clone() }
    }

    /// Returns `true` if the database has a table `user` with the columns of Better Auth.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn has_better_auth_users(&self) -> Result<bool, StoreError> {
        has_columns(&self.pool, AuthTable::User, &["id", "email", "emailVerified"]).await.map_err(store_error)
    }

    /// Returns `true` if the database has this table of Better Auth.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn has_table(&self, table: AuthTable) -> Result<bool, StoreError> {
        has_columns(&self.pool, table, &["id"]).await.map_err(store_error)
    }

    /// Returns the number of open connections, and how many of them are idle.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        match &self.pool.driver {
            Driver::Sqlite(sqlite) => sqlite.connections(),
            Driver::Postgres(postgres) => postgres.connections(),
        }
    }

    /// Runs a query that depends on which columns mark a user as restricted. If it fails with an error that is not
    /// temporary, the schema may have changed. This method then reads the columns again and repeats the query once.
    pub(super) async fn with_restriction_columns<T, F>(
        &self,
        query: impl Fn(Arc<RestrictionColumns>) -> F,
    ) -> Result<T, DbErr>
    where
        F: Future<Output = Result<T, DbErr>>,
    {
        match query(self.restriction_columns.get(&self.pool).await?).await {
            Err(error) if !error::may_pass(&error) => query(self.restriction_columns.refresh(&self.pool).await?).await,
            result => result,
        }
    }

    /// Closes all connections. On PostgreSQL, connections in use are closed when they are returned to the pool.
    pub async fn close(&self) {
        match &self.pool.driver {
            Driver::Sqlite(sqlite) => sqlite.close().await,
            Driver::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// Waits for a PostgreSQL server that accepts writes: repeats the attempt to connect until one succeeds, an error
/// occurs that waiting does not resolve, or the time `limit` has passed. Pauses for at most two seconds between two
/// attempts. Logs the error of an attempt only if it differs from that of the previous attempt.
async fn wait_for_server(postgres: &Postgres, limit: Duration) -> Result<(), OpenError> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(50);
    let mut logged = None;
    loop {
        let Err(error) = postgres.try_connect().await else { return Ok(()) };
        let problem = postgres.problem(&error);
        if !error.may_pass() {
            return Err(OpenError::Refused(problem));
        }
        if Instant::now() + pause > deadline {
            return Err(OpenError::Absent { waited: limit, problem });
        }
        if logged.as_ref() != Some(&problem) {
            tracing::warn!(problem = problem.found, "the database cannot be used yet");
            logged = Some(problem);
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

#[async_trait]
impl StoreProbe for Store {
    async fn probe(&self) -> Result<(), StoreError> {
        self.pool.check().await.map_err(store_error)
    }
}
