//! SQLite through sqlx and deadpool.

mod advice;
mod files;
mod pool;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{DatabaseConnection, DbBackend, DbErr, ProxyRow, QueryResult, Statement};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use tokio::sync::Mutex;

pub(super) use self::files::sibling;
use self::pool::{SqlitePool, SqlitePooledConnection, SqliteReply};
use self::values::{bound, proxy_row};
use super::config::StoreConfig;
use super::dedicated::{DedicatedConnection, dedicated};
use super::driver_error::to_db_err;
use super::problem::DatabaseProblem;
use super::url::SqliteUrl;

/// A connection pool for a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    file: PathBuf,
    pool: SqlitePool,
    statement_timeout: Duration,
}

impl Sqlite {
    /// Opens the file, and creates it and its folder if they are missing. Enables WAL mode and foreign keys. Each
    /// commit is on disk before it is acknowledged. A writer waits for other writers for at most the acquire timeout.
    pub(super) async fn open(url: &SqliteUrl, config: &StoreConfig) -> Result<Self, DatabaseProblem> {
        if !url.must_exist && !url.is_in_memory {
            files::create_missing(url.options.get_filename())?;
        }
        let options = url
            .options
            .clone()
            .create_if_missing(!url.must_exist)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        Self::connect(options, config, config.max_connections, config.reserved_connections()).await
    }

    /// Opens an existing file for reading.
    pub(super) async fn open_to_read(url: &SqliteUrl, config: &StoreConfig) -> Result<Self, DatabaseProblem> {
        // SQLite deletes the journal when the last process closes the file. A missing journal therefore means that no
        // process is writing. In that case, the file is opened as immutable, so that SQLite creates no files next to
        // it.
        let is_in_use = ["-wal", "-journal"].iter().any(|suffix| sibling(url.options.get_filename(), suffix).exists());
        let options = url.options.clone().create_if_missing(false).read_only(true).immutable(!is_in_use);
        Self::connect(options, config, 1, 0).await
    }

    /// Creates the pool, and opens a first connection to check that the file can be used.
    async fn connect(
        options: SqliteConnectOptions,
        config: &StoreConfig,
        max_connections: u32,
        reserved: u32,
    ) -> Result<Self, DatabaseProblem> {
        let StoreConfig { acquire_timeout, statement_timeout, .. } = *config;
        let file = options.get_filename().to_owned();
        let options = options.busy_timeout(acquire_timeout).disable_statement_logging();
        let pool = SqlitePool::new(options, max_connections, reserved, acquire_timeout)
            .map_err(|error| DatabaseProblem::new(error.to_string(), "report this as a bug in Taskbridge"))?;
        pool.get().await.map_err(|error| DatabaseProblem::from_sqlite(&error, &file))?;
        Ok(Self { file, pool, statement_timeout })
    }

    /// Returns the same pool without its reserved connections.
    pub(super) fn without_reserve(&self) -> Self {
        Self { pool: self.pool.without_reserve(), ..self.clone() }
    }

    /// Takes a connection from the pool, for sea-orm's migrator. The connection has no statement timeout, because a
    /// migration may rewrite a large table.
    pub(super) async fn dedicated(&self) -> Result<DatabaseConnection, DatabaseProblem> {
        let connection = async {
            let mut connection = self.pool.get().await?;
            connection.dedicate().await.map(|()| connection)
        };
        let connection = connection.await.map_err(|error| DatabaseProblem::from_sqlite(&error, &self.file))?;
        Ok(dedicated(DbBackend::Sqlite, connection))
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        self.run(statement).await?.proxy_rows()
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        Ok(self.run(statement).await?.rows_affected)
    }

    async fn run(&self, statement: &Statement) -> Result<SqliteReply, sqlx::Error> {
        let is_read = statement.sql.get(..6).is_some_and(|first| first.eq_ignore_ascii_case("select"));
        let mut connection = if is_read { self.pool.get().await? } else { self.pool.get_to_write().await? };
        connection.run_unlocked(statement, Some(self.statement_timeout)).await
    }

    /// Begins a transaction for writing. Takes the write lock at once, because a transaction that has only read so far
    /// may fail at its first write instead of waiting for the lock.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction, sqlx::Error> {
        let mut connection = self.pool.get_to_write().await?;
        connection.begin().await?;
        Ok(SqliteTransaction { connection: Mutex::new(connection), statement_timeout: self.statement_timeout })
    }

    /// Checks that the database responds.
    pub(super) async fn check(&self) -> Result<(), sqlx::Error> {
        self.pool.get().await?.run(sqlx::query("select 1"), Some(self.statement_timeout)).await.map(drop)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (usize, usize) {
        self.pool.connections()
    }

    /// Waits until the running statements have ended, and closes all connections. If no other process has the file
    /// open, SQLite then deletes `-wal` and `-shm`.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// A transaction. It is rolled back if it is dropped before it is committed.
pub(super) struct SqliteTransaction {
    /// The connection is in a mutex, because sea-orm executes statements through a shared reference.
    connection: Mutex<SqlitePooledConnection>,
    statement_timeout: Duration,
}

impl SqliteTransaction {
    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        self.connection.lock().await.run(bound(statement)?, Some(self.statement_timeout)).await?.proxy_rows()
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        Ok(self.connection.lock().await.run(bound(statement)?, Some(self.statement_timeout)).await?.rows_affected)
    }

    /// Commits the transaction.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.connection.into_inner().end("commit").await
    }

    /// Rolls the transaction back.
    pub(super) async fn roll_back(self) {
        // An error is ignored: `rollback` fails, for example, if SQLite has already rolled the transaction back after
        // an interrupted write.
        _ = self.connection.into_inner().end("rollback").await;
    }
}

/// Returns the version of the built-in SQLite.
pub(super) async fn version() -> Result<String, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await?;
    connection.fetch_one("select sqlite_version()").await?.try_get(0)
}

#[async_trait]
impl DedicatedConnection for SqlitePooledConnection {
    async fn query(&mut self, statement: &Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let reply = self.run(bound(statement).map_err(to_db_err)?, None).await.map_err(to_db_err)?;
        reply.rows.iter().map(|row| proxy_row(row).map_err(to_db_err)).collect()
    }

    async fn execute(&mut self, statement: &Statement) -> Result<u64, DbErr> {
        let reply = if statement.values.is_some() {
            self.run(bound(statement).map_err(to_db_err)?, None).await
        } else {
            self.run(sqlx::raw_sql(AssertSqlSafe(statement.sql.as_str())), None).await
        };
        Ok(reply.map_err(to_db_err)?.rows_affected)
    }
}
