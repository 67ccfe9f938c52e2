//! What is of no more use is removed from time to time.

use std::sync::Arc;
use std::time::Duration;

use taskbridge_domain::ports::{Clock, RateLimiter, StoreError};
use taskbridge_domain::services::SessionService;
use tokio::time::interval;

/// How long a count of the rate limit is kept: longer than any window, that of a Better Auth on the same table included.
const COUNTS: Duration = Duration::from_hours(24);

/// Removes sessions that are over, and counts that count no more. Several processes may do so at the same time.
pub(crate) struct Upkeep {
    pub(crate) every: Duration,
    pub(crate) sessions: Arc<SessionService>,
    pub(crate) limiters: Vec<Arc<dyn RateLimiter>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Upkeep {
    /// At once, and then for ever.
    pub(crate) async fn run(self) {
        let mut ticks = interval(self.every);
        loop {
            ticks.tick().await;
            match self.purge().await {
                Ok(sessions) => tracing::debug!(sessions, "sessions that were over are removed"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what is over could not be removed");
                }
            }
        }
    }

    async fn purge(&self) -> Result<u64, StoreError> {
        for limiter in &self.limiters {
            limiter.delete_before(self.clock.now().before(COUNTS)).await?;
        }
        self.sessions.delete_expired().await
    }
}
