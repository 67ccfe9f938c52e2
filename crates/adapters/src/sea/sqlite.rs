//! SQLite: opening, and dates.

use std::path::{Path, PathBuf};

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{DatabaseConnection, SqlxSqliteConnector, Statement, Value};
use taskbridge_domain::Timestamp;

use super::store::{OpenError, StoreConfig};

/// Opens the file, and makes it and its folder if they are missing: in WAL mode, every commit on disk before it is
/// acknowledged, foreign keys on. A writer waits for another as long as a request waits for a connection.
pub(super) async fn open(
    options: &SqliteConnectOptions,
    config: &StoreConfig,
) -> Result<DatabaseConnection, OpenError> {
    make_folder(options.get_filename())?;
    let options = options
        .clone()
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(config.acquire_timeout);
    let pool = SqlitePoolOptions::new()
        .max_connections(config.max_connections)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(false)
        .connect_with(sea_orm::sqlx::ConnectOptions::disable_statement_logging(options))
        .await
        .map_err(OpenError::from_driver)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Opens a file that is there, to read it.
pub(super) async fn open_to_read(
    options: &SqliteConnectOptions,
    config: &StoreConfig,
) -> Result<DatabaseConnection, OpenError> {
    // The last to leave takes its journal along. Where there is none nobody writes; asked for a file that does not change,
    // SQLite makes no file beside it.
    let is_in_use = ["-wal", "-journal"].iter().any(|name| beside(options.get_filename(), name).exists());
    let options = options
        .clone()
        .create_if_missing(false)
        .read_only(true)
        .immutable(!is_in_use)
        .busy_timeout(config.acquire_timeout);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(config.acquire_timeout)
        .connect_with(sea_orm::sqlx::ConnectOptions::disable_statement_logging(options))
        .await
        .map_err(OpenError::from_driver)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// A file that SQLite keeps beside that of the database.
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

/// Puts every date of a statement into the form that Better Auth keeps, and compares as text: exactly
/// `YYYY-MM-DDTHH:MM:SS.mmmZ`. The driver would write another. This is why entities and queries can be the same for
/// every database.
pub(super) fn with_text_dates(mut statement: Statement) -> Statement {
    for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
        if let Value::ChronoDateTimeUtc(date) = value {
            *value = Value::String(date.map(|date| Timestamp::new(date).to_string()));
        }
    }
    statement
}
