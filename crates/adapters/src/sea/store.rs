//! Opening the database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sqlx::Error as DriverError;
use sea_orm::{DatabaseConnection, DbErr};
use taskbridge_domain::ports::{StoreError, StoreProbe};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::error::{may_pass, store_error};
use super::postgres::Postgres;
use super::sqlite;
use super::url::{DatabaseUrl, Kind};

/// How to open a [`Store`].
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Which database.
    pub url: DatabaseUrl,
    /// How many connections are open at the most.
    pub max_connections: u32,
    /// How many threads serve; each [has a part](Store::claim_connections) of them for itself.
    pub threads: usize,
    /// How long a request waits for a connection; on SQLite also a writer for another one.
    pub acquire_timeout: Duration,
    /// How long one connection may take to open: longer, because a serverless database has to wake up.
    pub connect_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long the database is waited for when the store is opened.
    pub start_timeout: Duration,
}

/// Why the database could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder of the file cannot be made.
    #[error("cannot make the folder {folder} of the database: {source}")]
    Folder {
        /// The folder.
        folder: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The database was not there for as long as it was waited for.
    #[error("the database did not answer within {} seconds: {cause}", waited.as_secs())]
    Absent {
        /// How long that was.
        waited: Duration,
        /// The last reason.
        cause: DbErr,
    },
    /// The database refuses, and will go on to.
    #[error("cannot open the database: {0}")]
    Refused(#[source] DbErr),
}

impl OpenError {
    pub(super) fn from_driver(error: DriverError) -> Self {
        Self::Refused(DbErr::Conn(sea_orm::RuntimeErr::SqlxError(error.into())))
    }
}

/// An open database; cheap to clone, the connections are shared.
#[derive(Debug, Clone)]
pub struct Store(pub(super) Connection);

impl Store {
    /// Opens the database. PostgreSQL is waited for as long as the configuration says.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong, without the URL.
    pub async fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let store = match &config.url.0 {
            Kind::Sqlite(options) => Self(Connection::Sqlite(sqlite::open(options, config).await?)),
            Kind::Postgres { options, pooled } => {
                let postgres = Postgres::new(options.as_ref().clone(), *pooled, config);
                let postgres = postgres.map_err(|error| OpenError::Refused(DbErr::Custom(error.to_string())))?;
                Self(Connection::Postgres(Arc::new(postgres)))
            }
        };
        store.wait_for_database(config.start_timeout).await?;
        Ok(store)
    }

    /// The same for somebody who only looks: a file of SQLite must be there, and is not written to.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_to_read(config: &StoreConfig) -> Result<Self, OpenError> {
        match &config.url.0 {
            Kind::Sqlite(options) => Ok(Self(Connection::Sqlite(sqlite::open_to_read(options, config).await?))),
            Kind::Postgres { .. } => Self::open(config).await,
        }
    }

    /// Asks again and again, each time after twice the time, up to two seconds.
    async fn wait_for_database(&self, limit: Duration) -> Result<(), OpenError> {
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(50);
        loop {
            match self.0.visit().await {
                Ok(()) => return Ok(()),
                Err(error) if !may_pass(&error) => return Err(OpenError::Refused(error)),
                Err(cause) if Instant::now() + pause > deadline => {
                    return Err(OpenError::Absent { waited: limit, cause });
                }
                Err(error) => {
                    tracing::warn!(%error, "the database does not answer yet");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    }

    /// Says that this thread is one of those that serve: it is given connections of its own, which live on it. A thread
    /// that does not say so uses those of others.
    pub fn claim_connections(&self) {
        if let Connection::Postgres(postgres) = &self.0 {
            postgres.claim_part();
        }
    }

    /// The connection, for the migrator.
    #[must_use]
    pub fn connection(&self) -> DatabaseConnection {
        match &self.0 {
            Connection::Sqlite(connection) => connection.clone(),
            Connection::Postgres(postgres) => postgres.as_sea_orm(),
        }
    }

    /// How many connections are open, and how many of them nobody uses now.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        match &self.0 {
            Connection::Sqlite(connection) => {
                let pool = connection.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
            Connection::Postgres(postgres) => postgres.connections(),
        }
    }

    /// Closes all connections, after what they are doing.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not take its leave in order.
    pub async fn close(&self) -> Result<(), StoreError> {
        match &self.0 {
            Connection::Sqlite(connection) => connection.close_by_ref().await.map_err(store_error),
            Connection::Postgres(postgres) => {
                postgres.close().await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl StoreProbe for Store {
    async fn probe(&self) -> Result<(), StoreError> {
        self.0.ping().await.map_err(store_error)
    }
}
