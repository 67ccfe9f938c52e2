//! Limits that apply to every request: the size of its head, the time until its response, and the memory of responses
//! that clients have not read.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use taskbridge_domain::Cause;
use tokio::time::{Instant, timeout_at};

use super::closing::close_connection;
use super::unsent_responses::limit_unsent;
use crate::auth::error::{AuthApiError, serves};
use crate::connection_phase::{ConnectionPhase, Phase};
use crate::error::ApiError;
use crate::extract::body::Deadline;
use crate::refusal_cause::RefusalCause;

/// Maximum time from the end of a request's head to its response. It includes the time in which the body arrives.
#[derive(Debug, Clone, Copy)]
pub struct RequestTimeout(pub Duration);

/// Maximum size of a request's target and headers together, in bytes. If a request exceeds it, the response is a 431
/// with a body. actix-http has limits of its own, 128 KiB and 96 headers: if a request exceeds them, it sends a 431
/// without a body.
pub const HEAD_LIMIT: usize = 64 * 1024;

/// Middleware (for `actix_web::middleware::from_fn`) that rejects a head that is too large and enforces the
/// [`RequestTimeout`] and the [`UnsentResponses`](super::unsent_responses::UnsentResponses) of the app.
///
/// If the body has not arrived completely by the deadline, the extractor that reads it returns a 408. If anything else
/// takes too long, or if there is no memory for the response, this middleware returns a 503.
///
/// # Errors
/// Returns the errors of the inner service, a 431 if the head is too large, and a 503 if the response takes too long or
/// too much memory.
pub(crate) async fn request_limits(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let phase = request.conn_data::<ConnectionPhase>().cloned().unwrap_or_default();
    let is_chunked = request.chunked().unwrap_or_default();
    phase.begin_response();
    let mut outcome = limited(request, next).await;
    // If the handler has not read the body to its end, actix-http closes the connection only if the body has a known
    // length. It would read the rest of a chunked body without a limit, so the connection is closed here.
    if !is_chunked || phase.is_body_complete() {
        phase.set(Phase::Head);
        return outcome;
    }
    phase.set(Phase::Close);
    close_connection(&mut outcome);
    outcome
}

async fn limited(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_auth = serves(request.path());
    let is_safe = request.method().is_safe();
    if head_size(&request) > HEAD_LIMIT {
        let error: Error = if is_auth { AuthApiError::HeadTooLarge.into() } else { ApiError::HeadTooLarge.into() };
        return Ok(request.error_response(error));
    }
    let timeout = request.app_data::<RequestTimeout>().map_or(Duration::ZERO, |timeout| timeout.0);
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    // The store may have received a write, or may still receive it, so the outcome of such a request is unknown.
    let error = |cause, source: Cause| -> Error {
        match (is_auth, is_safe) {
            (true, _) => AuthApiError::Unavailable(cause, source).into(),
            (false, true) => ApiError::Unavailable(cause, source).into(),
            (false, false) => ApiError::OutcomeUnknown(cause, source).into(),
        }
    };
    match timeout_at(deadline, next.call(request)).await {
        Ok(outcome) => Ok(limit_unsent(outcome?).unwrap_or_else(|(source, request)| {
            ServiceResponse::from_err(error(RefusalCause::TooManyUnsentResponses, source.into()), request)
        })),
        Err(_) => Err(error(RefusalCause::TimedOut, "not answered in time".into())),
    }
}

fn head_size(request: &ServiceRequest) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    headers.fold(target, |size, (name, value)| size + name.as_str().len() + value.len())
}
