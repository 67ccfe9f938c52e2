//! Caches which columns mark a user as restricted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::Instant;

use super::columns::RestrictionColumns;
use crate::database::catalog::{other_user_columns, second_factors};
use crate::database::connection_pool::ConnectionPool;

/// Caches which columns mark a user as restricted. An entry expires after a minute, because another program may change
/// the schema.
#[derive(Debug, Clone, Default)]
pub(in crate::database) struct RestrictionColumnsCache {
    last: Arc<Mutex<Option<CacheEntry>>>,
    /// Locked while a request reads the columns from the database, so that only one request does so at a time.
    reading: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Clone)]
struct CacheEntry {
    read_at: Instant,
    columns: Arc<RestrictionColumns>,
}

impl RestrictionColumnsCache {
    const MAX_AGE: Duration = Duration::from_mins(1);

    /// Returns the columns that mark a user as restricted. While one request reads them from the database again, other
    /// requests get the previous columns.
    pub(in crate::database) async fn get(&self, pool: &ConnectionPool) -> Result<Arc<RestrictionColumns>, DbErr> {
        let is_recent = |entry: &CacheEntry| entry.read_at.elapsed() < Self::MAX_AGE;
        let last = self.last();
        if let Some(recent) = last.clone().filter(is_recent) {
            return Ok(recent.columns);
        }
        let _reading = match (self.reading.try_lock(), last) {
            (Ok(reading), _) => reading,
            (Err(_is_being_read), Some(last)) => return Ok(last.columns),
            (Err(_is_being_read), None) => self.reading.lock().await,
        };
        match self.last().filter(is_recent) {
            Some(recent) => Ok(recent.columns),
            None => self.refresh(pool).await,
        }
    }

    /// Reads the columns from the database, and updates the cache.
    pub(in crate::database) async fn refresh(&self, pool: &ConnectionPool) -> Result<Arc<RestrictionColumns>, DbErr> {
        let (users, second_factors) = (other_user_columns(pool).await?, second_factors(pool).await?);
        let columns = Arc::new(RestrictionColumns::among(&users, &second_factors));
        let entry = CacheEntry { read_at: Instant::now(), columns: Arc::clone(&columns) };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(entry);
        Ok(columns)
    }

    fn last(&self) -> Option<CacheEntry> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
