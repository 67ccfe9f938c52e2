//! How many wrong passwords of one account are looked at.

use std::sync::Arc;
use std::time::Duration;

use crate::ports::{Clock, RateLimiter, StoreError};
use crate::rate_limit::{Decision, RateLimit};

/// How many that is, from wherever they come. It is loose, and there is a way past it, so that nobody is locked out by a
/// stranger: see [`AccountService::sign_in`](super::AccountService::sign_in).
pub const WRONG_PASSWORDS: RateLimit = RateLimit { window: Duration::from_mins(10), max: 100 };

/// Counts them, if there is a limiter. The key says whose, and by which way they came: each way is counted for itself.
pub(super) struct WrongPasswords {
    limiter: Option<Arc<dyn RateLimiter>>,
    clock: Arc<dyn Clock>,
}

impl WrongPasswords {
    pub(super) fn new(limiter: Option<Arc<dyn RateLimiter>>, clock: Arc<dyn Clock>) -> Self {
        Self { limiter, clock }
    }

    /// For how many seconds no more are looked at, if there were too many.
    pub(super) async fn retry_after_seconds(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        match limiter.peek(key, WRONG_PASSWORDS, self.clock.now()).await? {
            Decision::Allowed => Ok(None),
            Decision::Refused { retry_after_seconds } => Ok(Some(retry_after_seconds)),
        }
    }

    /// Counts one.
    pub(super) async fn count(&self, key: &str) -> Result<(), StoreError> {
        if let Some(limiter) = &self.limiter {
            limiter.hit(key, WRONG_PASSWORDS, self.clock.now()).await?;
        }
        Ok(())
    }
}
