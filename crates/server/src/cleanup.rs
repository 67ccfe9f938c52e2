//! The periodic deletion of expired rows.

use std::sync::Arc;
use std::time::Duration;

use taskbridge_domain::ports::{Clock, RateLimiter, StoreError};
use taskbridge_domain::services::SessionService;
use tokio::time::interval;

/// Rate-limit counters whose window began longer ago than this are deleted. They are no longer needed, because
/// every rate-limit window is shorter, including the windows of a Better Auth that uses the same table.
const MAX_COUNT_AGE: Duration = Duration::from_hours(24);

/// Deletes expired sessions and old rate-limit counters. Several processes that use the same database may do so at the
/// same time.
pub(crate) struct Cleanup {
    pub(crate) interval: Duration,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) limiters: Vec<Arc<dyn RateLimiter>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Cleanup {
    /// Deletes expired sessions and old rate-limit counters immediately, and again after every `interval`. Never
    /// returns.
    pub(crate) async fn run(self) {
        let mut ticks = interval(self.interval);
        loop {
            ticks.tick().await;
            match self.delete_expired().await {
                Ok(sessions) => tracing::debug!(sessions, "deleted expired sessions"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot delete expired rows");
                }
            }
        }
    }

    async fn delete_expired(&self) -> Result<u64, StoreError> {
        for limiter in &self.limiters {
            limiter.delete_before(self.clock.now().before(MAX_COUNT_AGE)).await?;
        }
        self.sessions.delete_expired().await
    }
}
