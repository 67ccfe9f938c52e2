//! SQLite: opening, statements, and its form of dates.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ProxyDatabaseConnection, ProxyDatabaseTrait,
    ProxyExecResult, ProxyRow, QueryResult, Statement, Value,
};
use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite as Driver, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Executor, Row, Transaction, TypeInfo, ValueRef};
use taskbridge_domain::Timestamp;
use tokio::sync::Mutex;

use super::connect::{OpenError, StoreConfig};

/// The connections to a file.
#[derive(Debug, Clone)]
pub(super) struct Sqlite {
    pool: SqlitePool,
}

impl Sqlite {
    /// Opens the file, and creates it and its folder if they are missing: in WAL mode, every commit on disk before it is
    /// acknowledged, foreign keys on. A writer waits for another as long as a request waits for a connection.
    pub(super) async fn open(options: &SqliteConnectOptions, config: &StoreConfig) -> Result<Self, OpenError> {
        make_folder(options.get_filename())?;
        let options = options
            .clone()
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        Self::connect(options, config, config.max_connections).await
    }

    /// Opens an existing file for reading.
    pub(super) async fn open_to_read(options: &SqliteConnectOptions, config: &StoreConfig) -> Result<Self, OpenError> {
        // The last process to leave deletes its journal. Without a journal no process writes; for a file that does not
        // change, SQLite creates no file next to it.
        let is_in_use = ["-wal", "-journal"].iter().any(|name| beside(options.get_filename(), name).exists());
        let options = options.clone().create_if_missing(false).read_only(true).immutable(!is_in_use);
        Self::connect(options, config, 1).await
    }

    async fn connect(
        options: SqliteConnectOptions,
        config: &StoreConfig,
        max_connections: u32,
    ) -> Result<Self, OpenError> {
        let options = options.busy_timeout(config.acquire_timeout).disable_statement_logging();
        let pool = SqlitePoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(config.acquire_timeout)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(OpenError::refused)?;
        Ok(Self { pool })
    }

    /// Opens a connection that the pool does not know, for sea-orm's migrator.
    pub(super) async fn dedicated(&self) -> Result<DatabaseConnection, sqlx::Error> {
        let connection = self.pool.connect_options().connect().await?;
        let proxy =
            ProxyDatabaseConnection::new(DbBackend::Sqlite, Arc::new(Box::new(Dedicated(Mutex::new(connection)))));
        Ok(DatabaseConnectionType::ProxyDatabaseConnection(Arc::new(proxy)).into())
    }

    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        query(&self.pool, statement).await
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        execute(&self.pool, statement).await
    }

    /// Begins a transaction that will write. It takes the write lock at once, and waits for it, instead of failing half-way.
    pub(super) async fn begin(&self) -> Result<SqliteTransaction, sqlx::Error> {
        Ok(SqliteTransaction(Mutex::new(self.pool.begin_with("begin immediate").await?)))
    }

    /// Checks that the database answers.
    pub(super) async fn check(&self) -> Result<(), sqlx::Error> {
        self.pool.execute("select 1").await.map(drop)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Closes all connections, after what they are doing.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Statements that take effect together or not at all. Unless the transaction is committed, it is rolled back.
#[derive(Debug)]
pub(super) struct SqliteTransaction(
    /// Locked, because sea-orm asks through a shared reference.
    Mutex<Transaction<'static, Driver>>,
);

impl SqliteTransaction {
    /// Executes a statement and returns its rows.
    pub(super) async fn query(&self, statement: &Statement) -> Result<Vec<QueryResult>, sqlx::Error> {
        query(&mut **self.0.lock().await, statement).await
    }

    /// Executes a statement and returns the number of rows that it changed.
    pub(super) async fn execute(&self, statement: &Statement) -> Result<u64, sqlx::Error> {
        execute(&mut **self.0.lock().await, statement).await
    }

    /// Commits the transaction.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        self.0.into_inner().commit().await
    }

    /// Rolls the transaction back.
    pub(super) async fn roll_back(self) {
        // If that fails, the connection is closed, which has the same effect.
        _ = self.0.into_inner().rollback().await;
    }
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

async fn query<'e>(
    on: impl Executor<'e, Database = Driver>,
    statement: &Statement,
) -> Result<Vec<QueryResult>, sqlx::Error> {
    let rows = on.fetch_all(bound(statement)?).await?;
    rows.iter().map(|row| Ok(proxy_row(row)?.into())).collect()
}

async fn execute<'e>(on: impl Executor<'e, Database = Driver>, statement: &Statement) -> Result<u64, sqlx::Error> {
    Ok(on.execute(bound(statement)?).await?.rows_affected())
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
/// `begin` and `commit` as statements. The connection is closed when the last clone is dropped.
struct Dedicated(Mutex<SqliteConnection>);

impl fmt::Debug for Dedicated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated").finish_non_exhaustive()
    }
}

#[async_trait]
impl ProxyDatabaseTrait for Dedicated {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        let mut connection = self.0.lock().await;
        let rows = connection.fetch_all(bound(&statement).map_err(db_err)?).await.map_err(db_err)?;
        rows.iter().map(|row| proxy_row(row).map_err(db_err)).collect()
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let mut connection = self.0.lock().await;
        let rows_affected = if statement.values.is_some() {
            execute(&mut *connection, &statement).await.map_err(db_err)?
        } else {
            // A script: it may contain several statements.
            let script = sqlx::raw_sql(AssertSqlSafe(statement.sql.as_str()));
            script.execute(&mut *connection).await.map_err(db_err)?.rows_affected()
        };
        Ok(ProxyExecResult { rows_affected, ..ProxyExecResult::default() })
    }
}

/// Returns the path of a file that SQLite keeps next to that of the database.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn make_folder(file: &Path) -> Result<(), OpenError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source }),
        _ => Ok(()),
    }
}
