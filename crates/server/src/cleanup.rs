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
            self.delete_expired().await;
        }
    }

    /// Deletes what can be deleted, and logs each failure.
    async fn delete_expired(&self) {
        match self.sessions.delete_expired().await {
            Ok(sessions) => tracing::debug!(sessions, "deleted expired sessions"),
            Err(error) => report(&error),
        }
        for limiter in &self.limiters {
            if let Err(error) = limiter.delete_before(self.clock.now().before(MAX_COUNT_AGE)).await {
                report(&error);
            }
        }
    }
}

fn report(error: &StoreError) {
    tracing::warn!(error = error as &dyn std::error::Error, "cannot delete expired rows");
}

#[cfg(test)]
mod tests {
    use taskbridge_domain::Timestamp;
    use taskbridge_domain::ports::{MockClock, MockRateLimiter, MockSessionRepo, MockTokenIssuer};
    use taskbridge_domain::sessions::SessionPolicy;

    use super::*;

    fn failure<T>() -> Result<T, StoreError> {
        Err(StoreError::Unavailable("no database".into()))
    }

    /// The mocks fail the test unless each of them is called once.
    #[tokio::test]
    async fn a_failure_does_not_prevent_the_other_deletions() {
        let clock = || {
            let mut clock = MockClock::new();
            clock.expect_now().return_const(Timestamp::EPOCH);
            Arc::new(clock)
        };
        let mut sessions = MockSessionRepo::new();
        sessions.expect_delete_expired().times(1).returning(|_| failure());
        let sessions =
            SessionService::new(Arc::new(sessions), Arc::new(MockTokenIssuer::new()), clock(), SessionPolicy::DEFAULT);
        let limiter = || -> Arc<dyn RateLimiter> {
            let mut limiter = MockRateLimiter::new();
            limiter.expect_delete_before().times(1).returning(|_| failure());
            Arc::new(limiter)
        };
        let interval = Duration::from_hours(1);
        let cleanup =
            Cleanup { interval, sessions: Arc::new(sessions), limiters: vec![limiter(), limiter()], clock: clock() };
        cleanup.delete_expired().await;
    }
}
