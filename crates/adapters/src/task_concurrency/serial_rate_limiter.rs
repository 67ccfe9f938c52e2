//! A rate limiter whose keys use one database connection each.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit};

use super::limits::{Extent, Limits, TaskConcurrency};

/// A [`RateLimiter`] that counts the requests for each key one after the other. Concurrent requests for one key would
/// otherwise occupy many database connections, on which they wait for the same row.
pub struct SerialRateLimiter<L> {
    pub(super) limiter: L,
    limits: Arc<Limits>,
}

impl<L: RateLimiter> SerialRateLimiter<L> {
    /// Limits the statements of `limiter`. A request that waits for longer than `wait` fails with
    /// [`StoreError::Unavailable`].
    pub fn new(limiter: L, wait: Duration) -> Self {
        let config = TaskConcurrency { max_per_owner: 1, max_searches: 1, wait };
        Self { limiter, limits: Arc::new(Limits::new(config)) }
    }
}

#[async_trait]
impl<L: RateLimiter> RateLimiter for SerialRateLimiter<L> {
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        self.limits.admit(key, Extent::Page).await?.scope(self.limiter.hit(key, limit, now)).await
    }

    async fn undo_hit(&self, key: &str) -> Result<(), StoreError> {
        self.limits.admit(key, Extent::Page).await?.scope(self.limiter.undo_hit(key)).await
    }

    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError> {
        self.limiter.delete_before(before).await
    }
}
