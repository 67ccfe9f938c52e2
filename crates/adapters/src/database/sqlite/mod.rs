//! SQLite: opening, statements, and its form of dates.

mod files;
mod pool;
mod problem;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ProxyDatabaseConnection, ProxyDatabaseTrait,
    ProxyExecResult, ProxyRow, QueryResult, Statement, Value,
};
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite as Driver, SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, TypeInfo, ValueRef};
use taskbridge_domain::Timestamp;
use tokio::sync::Mutex;

pub(super) use self::files::sibling;
use self::pool::{Pool, PooledConnection};
use super::connect::StoreConfig;
use super::problem::DatabaseProblem;
use super::url::SqliteUrl;

/// The connections to a file.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    file: PathBuf,
    pool: Pool,
    statement_timeout: Duration,
}

impl Sqlite {
    /// Opens the file, and creates it and its folder if they are missing: in WAL mode, every commit on disk before it is
    /// acknowledged, foreign keys on. A writer waits for another as long as a request waits for a connection.
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
        Self::connect(options, config, config.max_connections).await
    }

    /// Opens an existing file for reading.
    pub(super) async fn open_to_read(url: &SqliteUrl, config: &StoreConfig) -> Result<Self, DatabaseProblem> {
        // The last process to leave deletes its journal. Without a journal no process writes; for a file that does not
        // change, SQLite creates no file next to it.
        let is_in_use = ["-wal", "-journal"].iter().any(|suffix| sibling(url.options.get_filename(), suffix).exists());
        let options = url.options.clone().create_if_missing(false).read_only(true).immutable(!is_in_use);
        Self::connect(options, config, 1).await
    }

    /// Opens a first connection, which shows that the file can be used.
    async fn connect(
        options: SqliteConnectOptions,
        config: &StoreConfig,
        max_connections: u32,
    ) -> Result<Self, DatabaseProblem> {
        let StoreConfig { acquire_timeout, statement_timeout, .. } = *config;
        let file = options.get_filename().to_owned();
        let options = options.busy_timeout(acquire_timeout).disable_statement_logging();
        let pool = Pool::new(options, max_connections, acquire_timeout)
            .map_err(|error| DatabaseProblem::new(error.to_string(), "report it as an error in Taskbridge"))?;
        pool.get().await.map_err(|error| DatabaseProblem::from_sqlite(&error, &file))?;
        Ok(Self { file, pool, statement_timeout })
    }

    /// Returns a connection for sea-orm's migrator, without a limit on the time of statements: a migration may rewrite a
    /// large table.
    pub(super) async fn dedicated(&self) -> Result<DatabaseConnection, DatabaseProblem> {
        let connection =
            self.pool.get().await.and_then(|mut connection| connection.roll_back_on_drop().map(|()| connection));
        let connection = connection.map_err(|error| DatabaseProblem::from_sqlite(&error, &self.file))?;
        let proxy =
            ProxyDatabaseConnection::new(DbBackend::Sqlite, Arc::new(Box::new(Dedicated(Mutex::new(connection)))));
        Ok(DatabaseConnectionType::ProxyDatabaseConnection(Arc::new(proxy)).into())
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        query(&mut self.pool.get().await?, statement, self.statement_timeout).await
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        execute(&mut self.pool.get().await?, statement, self.statement_timeout).await
    }

    /// Begins a transaction that will write. It takes the write lock at once, and waits for it, instead of failing half-way.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction, sqlx::Error> {
        let mut connection = self.pool.get().await?;
        connection.begin().await?;
        Ok(SqliteTransaction { connection: Mutex::new(connection), statement_timeout: self.statement_timeout })
    }

    /// Checks that the database answers.
    pub(super) async fn check(&self) -> Result<(), sqlx::Error> {
        self.pool.get().await?.run(sqlx::query("select 1"), Some(self.statement_timeout)).await.map(drop)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (u32, usize) {
        let (open, idle) = self.pool.connections();
        (u32::try_from(open).unwrap_or(u32::MAX), idle)
    }

    /// Closes all connections, after what they are doing. If no other process has the file open, SQLite deletes `-wal` and
    /// `-shm`.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Statements that take effect together or not at all. Unless the transaction is committed, it is rolled back.
#[derive(Debug)]
pub(super) struct SqliteTransaction {
    /// Locked, because sea-orm asks through a shared reference.
    connection: Mutex<PooledConnection>,
    statement_timeout: Duration,
}

impl SqliteTransaction {
    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        query(&mut *self.connection.lock().await, statement, self.statement_timeout).await
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        execute(&mut *self.connection.lock().await, statement, self.statement_timeout).await
    }

    /// Commits the transaction.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.connection.into_inner().end("commit").await
    }

    /// Rolls the transaction back.
    pub(super) async fn roll_back(self) {
        // Fails if SQLite has rolled it back already, as it does when a write is interrupted.
        _ = self.connection.into_inner().end("rollback").await;
    }
}

/// Returns the version of SQLite, which is part of the program.
pub(super) async fn version() -> Result<String, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await?;
    connection.fetch_one("select sqlite_version()").await?.try_get(0)
}

/// sea-orm's error type has one variant that carries an error of another type; [`failure`] takes it out again.
pub(super) fn db_err(error: sqlx::Error) -> DbErr {
    DbErr::TryIntoErr { from: "statement", into: "result", source: Arc::new(error) }
}

/// Returns the error that [`db_err`] put into the error.
pub(super) fn failure(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::TryIntoErr { source, .. } => source.downcast_ref(),
        _ => None,
    }
}

async fn query(
    connection: &mut PooledConnection,
    statement: &Statement,
    limit: Duration,
) -> Result<Vec<QueryResult>, sqlx::Error> {
    let reply = connection.run(bound(statement)?, Some(limit)).await?;
    reply.rows.iter().map(|row| Ok(proxy_row(row)?.into())).collect()
}

async fn execute(
    connection: &mut PooledConnection,
    statement: &Statement,
    limit: Duration,
) -> Result<u64, sqlx::Error> {
    Ok(connection.run(bound(statement)?, Some(limit)).await?.rows_affected)
}

/// Binds the parameters of a statement. A time is written in the form that Better Auth writes, and compares as text:
/// exactly `YYYY-MM-DDTHH:MM:SS.mmmZ`.
fn bound(statement: &Statement) -> Result<Query<'_, Driver, SqliteArguments>, sqlx::Error> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.as_str()));
    for value in statement.values.iter().flat_map(|values| &values.0) {
        query = match value {
            Value::Bool(value) => query.bind(*value),
            Value::Int(value) => query.bind(*value),
            Value::BigInt(value) => query.bind(*value),
            Value::BigUnsigned(value) => {
                let value = value.map(i64::try_from).transpose();
                query.bind(value.map_err(|error| sqlx::Error::Encode(error.into()))?)
            }
            Value::String(value) => query.bind(value.as_deref()),
            Value::ChronoDateTimeUtc(value) => query.bind(value.map(|time| Timestamp::new(time).to_string())),
            _ => return Err(sqlx::Error::Encode("a parameter has a type that cannot be sent to SQLite".into())),
        };
    }
    Ok(query)
}

/// Converts a row to sea-orm's form, in which columns are found by name. SQLite has types of values, not of columns.
fn proxy_row(row: &SqliteRow) -> Result<ProxyRow, sqlx::Error> {
    let mut values = BTreeMap::new();
    for column in row.columns() {
        let index = column.ordinal();
        let value = row.try_get_raw(index)?;
        let value = match value.type_info().name() {
            _ if value.is_null() => Value::String(None),
            "INTEGER" | "BOOLEAN" | "INT4" => Value::BigInt(Some(row.try_get_unchecked(index)?)),
            "REAL" => Value::Double(Some(row.try_get_unchecked(index)?)),
            "TEXT" => Value::String(Some(row.try_get_unchecked(index)?)),
            _ => Value::Bytes(Some(row.try_get_unchecked(index)?)),
        };
        values.insert(column.name().to_owned(), value);
    }
    Ok(ProxyRow::new(values))
}

/// A connection in the form that sea-orm's migrator accepts.
///
/// sea-orm cannot report an error of a commit here, so its transactions do nothing: the user of the connection sends
/// `begin` and `commit` as statements. The connection returns to its pool when the last clone is dropped.
struct Dedicated(Mutex<PooledConnection>);

impl fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated").finish_non_exhaustive()
    }
}

#[async_trait]
impl ProxyDatabaseTrait for Dedicated {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let query = bound(&statement).map_err(db_err)?;
        let reply = self.0.lock().await.run(query, None).await.map_err(db_err)?;
        reply.rows.iter().map(|row| proxy_row(row).map_err(db_err)).collect()
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let mut connection = self.0.lock().await;
        let reply = if statement.values.is_some() {
            connection.run(bound(&statement).map_err(db_err)?, None).await
        } else {
            // A script: it may contain several statements.
            connection.run(sqlx::raw_sql(AssertSqlSafe(statement.sql.as_str())), None).await
        };
        let rows_affected = reply.map_err(db_err)?.rows_affected;
        Ok(ProxyExecResult { rows_affected, ..ProxyExecResult::default() })
    }
}
