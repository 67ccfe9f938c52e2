//! Opening the database.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use taskbridge_domain::ports::{StoreError, StoreProbe};
use thiserror::Error;

use super::connection::Dialect;
use super::error::store_error;

/// How to open a [`Store`].
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// `sqlite://<path>`; the file and its folder are made if missing.
    pub url: String,
    /// How many connections are open at the most.
    pub max_connections: u32,
    /// How long a request waits for a connection, and a writer for another one.
    pub acquire_timeout: Duration,
}

/// Why the database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Not a URL of a database that we know. The URL itself is not shown: it may hold a password.
    #[error("not a database URL: sqlite://<path> is expected")]
    Url,
    /// The folder of the file cannot be made.
    #[error("cannot make the folder {folder} of the database: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The database refuses.
    #[error("cannot open the database: {0}")]
    Database(#[from] DbErr),
}

/// An open database; cheap to clone, the connections are shared.
#[derive(Debug, Clone)]
pub struct Store(pub(super) Dialect<DatabaseConnection>);

impl Store {
    /// Opens the database: on SQLite in WAL mode, every commit on disk before it is acknowledged, foreign keys on.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong, without the URL.
    pub async fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let StoreConfig { url, max_connections, acquire_timeout } = config.clone();
        if !url.starts_with("sqlite:") {
            return Err(OpenError::Url);
        }
        let file = SqliteConnectOptions::from_str(&url).map_err(|_unsafe_to_show| OpenError::Url)?;
        make_folder(file.get_filename())?;
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(max_connections)
            .acquire_timeout(acquire_timeout)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |options| {
                options
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(acquire_timeout)
            });
        Ok(Self(Dialect(Database::connect(options).await?)))
    }

    /// The connection, for the migrator.
    #[must_use]
    pub fn connection(&self) -> &DatabaseConnection {
        &self.0.0
    }

    /// Closes all connections, after what they are doing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not take its leave in order.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.0.0.close_by_ref().await.map_err(store_error)
    }
}

fn make_folder(file: &Path) -> Result<(), OpenError> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source }),
        _ => Ok(()),
    }
}

#[async_trait]
impl StoreProbe for Store {
    async fn probe(&self) -> Result<(), StoreError> {
        self.0.0.ping().await.map_err(store_error)
    }
}
