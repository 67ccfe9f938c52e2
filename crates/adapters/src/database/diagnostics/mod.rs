//! Examines a database for the operator, without changing it.

mod postgres;
mod sqlite;

use std::time::Duration;

use tokio::time::timeout;

pub use self::postgres::{ConnectionLimits, PostgresFacts};
pub use self::sqlite::{ExposedPath, SqliteFacts};
use super::config::StoreConfig;
use super::postgres::ConnectError;
use super::problem::DatabaseProblem;
use super::url::ParsedUrl;

/// The result of examining a database.
#[derive(Debug)]
pub enum Inspection {
    /// A SQLite file.
    Sqlite(SqliteFacts),
    /// A PostgreSQL server.
    Postgres(PostgresFacts),
}

/// Examines the database in at most the time `limit`. Does not create or write anything.
///
/// # Errors
/// [`DatabaseProblem`] if the database cannot be read.
pub async fn inspect(config: &StoreConfig, limit: Duration) -> Result<Inspection, DatabaseProblem> {
    match &config.url.0 {
        ParsedUrl::Sqlite(url) => sqlite::inspect(url).await.map(Inspection::Sqlite),
        ParsedUrl::Postgres(url) => {
            let facts = timeout(limit, postgres::inspect(url, config.connect_timeout, config.statement_timeout)).await;
            let facts = facts.unwrap_or(Err(ConnectError::Timeout(limit)));
            facts.map(Inspection::Postgres).map_err(|error| DatabaseProblem::from_postgres(&error, url))
        }
    }
}
