//! Counting what may be done only so often.

use async_trait::async_trait;

use super::StoreError;
use crate::rate_limit::{Decision, RateLimit};
use crate::time::Timestamp;

/// Counts by key, by the rule of [`RateLimit`]. Keys MUST be told apart byte for byte.
#[cfg_attr(any(test, feature = "testing"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Whether it may be done `now`; if so, it is counted. Of many at the same time no more than the limit MUST be
    /// allowed.
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError>;

    /// What [`hit`](Self::hit) would say. Counts nothing.
    async fn peek(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError>;

    /// Forgets whatever was allowed for the last time before this moment.
    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError>;
}
