//! How often the endpoints below `/api/auth` may be called: Better Auth's rules.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest};
use taskbridge_domain::ports::{Clock, RateLimiter};
use taskbridge_domain::rate_limit::{Decision, RateLimit};

use super::error::{AuthApiError, PATH};
use crate::extract::client_address::ClientAddress;

/// Where passwords can be guessed, or accounts made: paths that begin like this. Unlike in Better Auth these are all that
/// cost a hash.
const SENSITIVE: [&str; 6] =
    ["/sign-in", "/sign-up", "/change-password", "/change-email", "/verify-password", "/delete-user"];
const SENSITIVE_LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), max: 3 };

/// Counts the requests of each client address to each endpoint.
pub struct RateLimits {
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    /// For all endpoints but the sensitive ones.
    limit: RateLimit,
}

impl RateLimits {
    /// Better Auth's limit for all endpoints but those where passwords can be guessed.
    pub const DEFAULT: RateLimit = RateLimit { window: Duration::from_secs(10), max: 100 };

    /// Limits that this limiter counts.
    #[must_use]
    pub fn new(limiter: Arc<dyn RateLimiter>, clock: Arc<dyn Clock>, limit: RateLimit) -> Self {
        Self { limiter, clock, limit }
    }

    async fn admit(&self, request: &HttpRequest) -> Result<(), AuthApiError> {
        let path = request.path().strip_prefix(PATH).unwrap_or_default();
        // Paths that nobody serves are counted together, or whoever makes them up could have more and more counted.
        let path = request.match_pattern().map_or("*", |_is_served| path);
        let is_sensitive = SENSITIVE.iter().any(|prefix| path.starts_with(prefix));
        let limit = if is_sensitive { SENSITIVE_LIMIT } else { self.limit };
        let key = match ClientAddress::of(request) {
            ClientAddress(None) => format!("no-trusted-ip|{path}"),
            address => format!("{address}|{path}"),
        };
        match self.limiter.hit(&key, limit, self.clock.now()).await? {
            Decision::Allowed => Ok(()),
            Decision::Refused { retry_after_seconds } => Err(AuthApiError::TooManyRequests { retry_after_seconds }),
        }
    }
}

/// Middleware (for `actix_web::middleware::from_fn`) that lets through what the [`RateLimits`] of the app allow, before
/// anything else is looked at; everything, if it has none.
///
/// # Errors
/// Those of the service within; 429, and 503 when what counts is not to be reached.
pub(super) async fn rate_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(limits) = request.app_data::<Data<RateLimits>>().cloned() {
        limits.admit(request.request()).await?;
    }
    next.call(request).await
}
