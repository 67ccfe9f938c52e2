//! The counter of rate limits.

use async_trait::async_trait;

use super::store::StoreError;
use crate::rate_limit::{Decision, RateLimit};
use crate::time::Timestamp;

/// Counts requests by key, by the rules of [`RateLimit`]. Keys must be compared byte for byte.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Decides on a request at `now`, and counts it if it is allowed.
    ///
    /// Must be atomic: of concurrent calls, no more than the limit may be allowed.
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError>;

    /// Returns the decision that [`hit`](Self::hit) would return, without counting a request.
    async fn peek(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError>;

    /// Deletes the counts whose last allowed request was before this time.
    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError>;
}
