//! A rate limiter whose keys use one database connection each.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::sync::Cache;
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit};

use super::limits::{Extent, Limits, StatementLimits};

/// A [`RateLimiter`] that counts the requests for each key one after the other. Concurrent requests for one key would
/// otherwise occupy many database connections, on which they wait for the same row.
///
/// Once a request has been refused, further requests for its key are refused in memory until the end of the window, so
/// that a flood of them does not wait. Each key must therefore always have the same limit.
pub struct SerialRateLimiter<L> {
    pub(super) limiter: L,
    limits: Arc<Limits>,
    /// The times until which keys are refused.
    refused: Cache<String, Timestamp>,
}

impl<L: RateLimiter> SerialRateLimiter<L> {
    /// Maximum size of the keys that are remembered as refused, in bytes.
    const MAX_REFUSED: u64 = 1 << 20;

    /// Limits the statements of `limiter`. A request that waits for longer than `wait` fails with [`StoreError::Busy`].
    pub fn new(limiter: L, wait: Duration) -> Self {
        let config = StatementLimits { max_per_owner: 1, max_searches: 1, wait };
        let size = |key: &String, _: &Timestamp| u32::try_from(key.len()).unwrap_or(u32::MAX).max(64);
        let refused = Cache::builder().max_capacity(Self::MAX_REFUSED).weigher(size).build();
        Self { limiter, limits: Arc::new(Limits::new(config)), refused }
    }

    /// Returns the refusal of a key whose window has not ended since an earlier refusal.
    fn remembered(&self, key: &str, limit: RateLimit, now: Timestamp) -> Option<Decision> {
        let wait = self.refused.get(key)?.since(now);
        // A longer time means that the clock has been set back.
        (!wait.is_zero() && wait <= limit.window).then(|| Decision::refused_for(wait))
    }
}

#[async_trait]
impl<L: RateLimiter> RateLimiter for SerialRateLimiter<L> {
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let permit = self.limits.admit(key, Extent::Page).await?;
        // Checked now, because another request may have been refused while this one waited.
        if let Some(refused) = self.remembered(key, limit, now) {
            return Ok(refused);
        }
        let decision = permit.scope(self.limiter.hit(key, limit, now)).await?;
        if let Decision::Refused { retry_after_seconds } = decision {
            self.refused.insert(key.to_owned(), now.after(Duration::from_secs(retry_after_seconds)));
        }
        Ok(decision)
    }

    async fn undo_hit(&self, key: &str) {
        match self.limits.admit(key, Extent::Page).await {
            Ok(permit) => permit.scope(self.limiter.undo_hit(key)).await,
            Err(error) => tracing::warn!(error = &error as &dyn Error, "cannot uncount a request"),
        }
        self.refused.invalidate(key);
    }

    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError> {
        self.limiter.delete_before(before).await
    }
}
