//! The rate limit of requests for tasks.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use taskbridge_domain::Owner;
use taskbridge_domain::ports::{Clock, RateLimiter};
use taskbridge_domain::rate_limit::{Decision, RateLimit, WindowStart};

use crate::error::ApiError;

/// Limits the number of requests of each user for tasks.
pub struct UserRateLimit {
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    limit: RateLimit,
}

impl UserRateLimit {
    /// Creates a rate limit that counts requests in `limiter`, and allows `per_minute` requests in a minute that begins
    /// with a request.
    #[must_use]
    pub fn new(limiter: Arc<dyn RateLimiter>, clock: Arc<dyn Clock>, per_minute: NonZeroU32) -> Self {
        let window = Duration::from_mins(1);
        Self { limiter, clock, limit: RateLimit { window, begins: WindowStart::FirstRequest, max: per_minute.get() } }
    }

    /// Counts a request of `owner`.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`] if the limit is exceeded, and the errors of the limiter.
    pub(super) async fn admit(&self, owner: &Owner) -> Result<(), ApiError> {
        // The keys of the other limits begin with a client address, or with another word before the `|`.
        let key = format!("tasks|{}", owner.id().as_str());
        match self.limiter.hit(&key, self.limit, self.clock.now()).await? {
            Decision::Allowed => Ok(()),
            Decision::Refused { retry_after_seconds } => Err(ApiError::TooManyRequests { retry_after_seconds }),
        }
    }
}
