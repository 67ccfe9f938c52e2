//! One line of log for each request, and the one place where errors are logged.

use std::error::Error as StdError;
use std::fmt::Write;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};

use crate::auth::AuthApiError;
use crate::error::ApiError;
use crate::guard::Caller;

/// Middleware (for `actix_web::middleware::from_fn`) that logs method, route, status, duration, the caller's id, and
/// for an error its whole chain of causes. The route is the pattern: ids, queries, headers and bodies stay out.
///
/// # Errors
/// Those of the service within, unchanged.
pub async fn access_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let method = request.method().clone();
    let response = next.call(request).await?;
    let route = response.request().match_pattern();
    let route = route.as_deref().unwrap_or("none");
    let status = response.status();
    let microseconds = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    let caller = response.request().extensions().get::<Caller>().map(|caller| caller.0.to_string());
    let cause = response.response().error().and_then(causes);
    if status.is_server_error() {
        tracing::error!(%method, route, status = status.as_u16(), microseconds, user_id = caller, cause, "request");
    } else {
        tracing::info!(%method, route, status = status.as_u16(), microseconds, user_id = caller, cause, "request");
    }
    Ok(response)
}

/// The chain of an error of ours, from its sentence to its root.
fn causes(error: &Error) -> Option<String> {
    let error: &dyn StdError = match (error.as_error::<ApiError>(), error.as_error::<AuthApiError>()) {
        (Some(error), _) => error,
        (None, Some(error)) => error,
        (None, None) => return None,
    };
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(chain, ": {cause}");
        source = cause.source();
    }
    Some(chain)
}
