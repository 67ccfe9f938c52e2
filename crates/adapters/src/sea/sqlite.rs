//! SQLite: opening, and dates.

use std::path::Path;

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
