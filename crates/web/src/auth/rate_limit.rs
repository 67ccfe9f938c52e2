//! Rate limits of the endpoints below `/api/auth`, with Better Auth's rules.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpRequest};
use taskbridge_domain::ports::{Clock, RateLimiter};
use taskbridge_domain::rate_limit::{Decision, RateLimit, WindowStart};

use super::error::{AuthApiError, PATH};
use crate::extract::client_address::ClientAddress;
use crate::refusal_cause::RefusalCause;

/// Prefixes of the paths at which passwords can be guessed or users created. Unlike Better Auth's list, this one
/// contains every path at which a password is hashed.
const SENSITIVE: [&str; 6] =
    ["/sign-in", "/sign-up", "/change-password", "/change-email", "/verify-password", "/delete-user"];
const SENSITIVE_LIMIT: RateLimit =
    RateLimit { window: Duration::from_secs(10), begins: WindowStart::LastRequest, max: 3 };

/// Limits the number of requests from each client address to each endpoint.
pub struct RateLimits {
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    /// The limit of all endpoints that are not sensitive.
    limit: RateLimit,
}

impl RateLimits {
    /// Better Auth's limit for endpoints that are not sensitive.
    pub const DEFAULT: RateLimit =
        RateLimit { window: Duration::from_secs(10), begins: WindowStart::LastRequest, max: 100 };

    /// Creates rate limits that count requests in `limiter`. `limit` applies to all endpoints that are not sensitive.
    #[must_use]
    pub fn new(limiter: Arc<dyn RateLimiter>, clock: Arc<dyn Clock>, limit: RateLimit) -> Self {
        Self { limiter, clock, limit }
    }

    async fn admit(&self, request: &HttpRequest) -> Result<(), AuthApiError> {
        let path = request.path().strip_prefix(PATH).unwrap_or_default();
        // Unknown paths share one counter, so that a client cannot create an unlimited number of counters.
        let path = request.match_pattern().map_or("*", |_is_served| path);
        let is_sensitive = SENSITIVE.iter().any(|prefix| path.starts_with(prefix));
        let limit = if is_sensitive { SENSITIVE_LIMIT } else { self.limit };
        let key = match ClientAddress::of(request) {
            ClientAddress(None) => format!("no-trusted-ip|{path}"),
            address => format!("{address}|{path}"),
        };
        match self.limiter.hit(&key, limit, self.clock.now()).await? {
            Decision::Allowed => Ok(()),
            Decision::Refused { retry_after_seconds } => {
                Err(AuthApiError::TooManyRequests { cause: RefusalCause::RateLimited, retry_after_seconds })
            }
        }
    }
}

/// Middleware (for `actix_web::middleware::from_fn`) that enforces the [`RateLimits`] of the app, if it has any, before
/// all other checks.
///
/// # Errors
/// Returns the errors of the inner service, a 429 if a limit is exceeded, and a 503 if the limiter is unavailable.
pub(super) async fn rate_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if let Some(limits) = request.app_data::<Data<RateLimits>>().cloned() {
        limits.admit(request.request()).await?;
    }
    next.call(request).await
}
