//! The counter of requests for rate limits.

use async_trait::async_trait;

use super::store::StoreError;
use crate::rate_limit::{Decision, RateLimit};
use crate::time::Timestamp;

/// Counts the requests for each key according to the rules of [`RateLimit`]. Keys must be compared byte for byte.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Decides whether a request at `now` is allowed, and counts it if it is.
    ///
    /// Must be atomic: concurrent calls must not allow more requests than the limit.
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError>;

    /// Uncounts one request that [`hit`](Self::hit) has counted. Does not change the start of the window, and does
    /// nothing if no request is counted.
    ///
    /// If the store fails, the request stays counted, and the implementation logs the error: the caller has an answer
    /// already, which must not depend on the count.
    async fn undo_hit(&self, key: &str);

    /// Deletes the counts whose window began earlier than `before`.
    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError>;
}
