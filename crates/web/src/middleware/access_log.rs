//! The access log: one line for each request, which contains the error if the request has failed.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write;
use std::mem::take;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage};

use super::closing::close_connection;
use super::metrics::{HttpMetrics, InFlight};
use super::request_id::RequestId;
use crate::auth::error::AuthApiError;
use crate::error::ApiError;
use crate::extract::guard::Caller;
use crate::health::Readiness;
use crate::refusal_cause::RefusalCause;

/// Middleware (for `actix_web::middleware::from_fn`) that logs the method, route, status, duration and caller of each
/// request, the word of its [`RefusalCause`], and the text of its error with all sources. The logged route is a pattern
/// such as `/tasks/{task_id}`, so that no ids in the path are logged; queries, headers and bodies are not logged either. A
/// request whose handler is dropped, because the client has disconnected, is logged as abandoned.
///
/// It must be the outermost middleware, because it also sets the [`request_id`](crate::request_id) for all inner
/// services. During a shutdown, each response closes its connection.
///
/// # Errors
/// Returns the errors of the inner service.
pub(crate) async fn access_log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // An error of an inner middleware has no request.
    let readiness = request.app_data::<Data<Readiness>>().cloned();
    let mut outcome = RequestId::of(request.headers()).scope(log_request(request, next)).await;
    if readiness.is_some_and(|readiness| readiness.stopping.has_begun()) {
        close_connection(&mut outcome);
    }
    outcome
}

async fn log_request<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let in_flight = request.app_data::<Data<HttpMetrics>>().cloned().map(InFlight::begin);
    let mut unanswered = Unanswered {
        method: method_name(request.method()),
        route: request.match_pattern().map_or(NO_ROUTE, Cow::Owned),
        started: Instant::now(),
        is_answered: false,
    };
    let outcome = next.call(request).await;
    unanswered.is_answered = true;
    let (method, took) = (unanswered.method, unanswered.started.elapsed());
    // If a middleware has returned an error, the request is no longer available.
    let (request, status, error) = match &outcome {
        Ok(response) => (Some(response.request()), response.status(), response.response().error()),
        Err(error) => (None, error.as_response_error().status_code(), Some(error)),
    };
    let (error, cause) = error.and_then(api_error).unzip();
    let cause = cause.flatten();
    debug_assert_eq!(cause.is_some(), RefusalCause::explains(status), "{cause:?} as the cause of {status}");
    let route = take(&mut unanswered.route);
    let microseconds = microseconds(took);
    {
        let route = route.as_ref();
        let extensions = request.map(HttpMessage::extensions);
        let user_id = extensions.as_ref().and_then(|extensions| Some(extensions.get::<Caller>()?.0.as_str()));
        let (status, cause) = (status.as_u16(), cause.map(RefusalCause::word));
        let error = || error.map(with_sources);
        if status >= 500 {
            tracing::error!(method, route, status, microseconds, user_id, cause, error = error(), "request");
        } else {
            tracing::info!(method, route, status, microseconds, user_id, cause, error = error(), "request");
        }
    }
    if let Some(in_flight) = in_flight {
        in_flight.finish(method, route, status.as_u16(), cause, took);
    }
    outcome
}

/// The logged route of requests that match no route.
const NO_ROUTE: Cow<'static, str> = Cow::Borrowed("none");

/// A request that has no response yet. If it is dropped because the client disconnects or a shutdown takes too long, it
/// is logged as abandoned.
struct Unanswered {
    method: &'static str,
    route: Cow<'static, str>,
    started: Instant,
    is_answered: bool,
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if !self.is_answered {
            let (method, route, microseconds) = (self.method, &*self.route, microseconds(self.started.elapsed()));
            tracing::info!(method, route, microseconds, "request abandoned");
        }
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns the name of a standard method (RFC 9110, section 9, and RFC 5789). Returns `other` for any other text,
/// because clients could otherwise create an unlimited number of metrics.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Returns the error of the API, and its cause if it is a refusal. Returns `None` if the error is one of actix-web.
fn api_error(error: &Error) -> Option<(&dyn StdError, Option<RefusalCause>)> {
    match (error.as_error::<ApiError>(), error.as_error::<AuthApiError>()) {
        (Some(error), _) => Some((error, error.refusal_cause())),
        (None, Some(error)) => Some((error, error.refusal_cause())),
        (None, None) => None,
    }
}

/// Returns the text of the error and of its sources, joined by colons.
fn with_sources(error: &dyn StdError) -> String {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(chain, ": {cause}");
        source = cause.source();
    }
    chain
}
