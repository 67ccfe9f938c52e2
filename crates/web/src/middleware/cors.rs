//! Cross-origin requests of browsers (Fetch standard, "CORS protocol").

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpResponse};

use super::response_headers::with_headers;
use crate::header_syntax::is_token;
use crate::log_text::{MAX_ORIGIN_CHARS, truncated};
use crate::trusted_origins::TrustedOrigins;

/// The methods that pages of trusted origins may use.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
/// The headers that a page may send if its preflight does not list the headers that it needs.
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type");
/// The headers of a response that pages of trusted origins may read.
const EXPOSED: &str = "X-Total-Count, Link, set-auth-jwt, set-auth-token, X-Request-Id, Retry-After, X-Retry-After";
/// Time that browsers may cache the response to a preflight, in seconds. A longer time would have no effect in
/// Chromium, whose maximum is 7200.
const MAX_AGE: &str = "7200";

/// Middleware (for `actix_web::middleware::from_fn`) that allows pages of the app's [`TrustedOrigins`] to read the
/// responses, including errors, and answers their preflights. Responses to other origins have no CORS headers, so
/// browsers do not let the pages read them.
///
/// `actix-cors` is not used: it adds `Access-Control-Allow-Credentials` to responses for untrusted origins, reads only
/// the first of several `Origin` headers, and rejects a preflight of an untrusted origin with a response in another
/// format.
///
/// # Errors
/// Returns the errors of the inner service, with the same CORS headers as other responses.
pub(crate) async fn cors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let origin = allowed_origin(&request);
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight && origin.is_none() {
        log_untrusted(request.headers());
    }
    if is_preflight && let Some(origin) = &origin {
        let allowed = requested_headers(request.headers()).unwrap_or(HEADERS);
        let mut answer = HttpResponse::NoContent();
        answer
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, allowed))
            .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        let mut answer = request.into_response(answer.finish());
        allow(origin, answer.headers_mut());
        answer.headers_mut().append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        return Ok(answer.map_into_right_body());
    }
    let outcome = next.call(request).await.map(ServiceResponse::map_into_left_body);
    with_headers(outcome, move |headers| match &origin {
        Some(origin) => {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            allow(origin, headers);
        }
        None => vary(headers),
    })
}

/// Returns the origin of the request if it is trusted.
fn allowed_origin(request: &ServiceRequest) -> Option<HeaderValue> {
    let mut given = request.headers().get_all(ORIGIN);
    let (Some(origin), None) = (given.next(), given.next()) else { return None };
    let trusted = request.app_data::<Data<TrustedOrigins>>()?;
    origin.to_str().is_ok_and(|origin| trusted.trust_origin(origin)).then(|| origin.clone())
}

/// Returns the headers that a preflight asks for, or `None` if `Access-Control-Request-Headers` is not a
/// comma-separated list of header names. Any header is allowed, because the origin has already been found to be
/// trusted, and tracing libraries add headers that Taskbridge does not know.
fn requested_headers(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines: Vec<_> = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).map(HeaderValue::as_bytes).collect();
    let is_list = |line: &&[u8]| line.split(|byte| *byte == b',').all(|name| is_token(name.trim_ascii()));
    if lines.is_empty() || !lines.iter().all(is_list) {
        return None;
    }
    HeaderValue::from_bytes(&lines.join(&b", "[..])).ok()
}

/// Logs a preflight from an untrusted origin, because the browser does not tell the developer why the request failed.
fn log_untrusted(headers: &HeaderMap) {
    let origins: Vec<_> = headers.get_all(ORIGIN).map(HeaderValue::as_bytes).collect();
    if !origins.is_empty() {
        let origin = truncated(&origins.join(&b", "[..]), MAX_ORIGIN_CHARS);
        tracing::info!(
            origin,
            "refused a preflight: the origin is not among those in auth.trusted_origins (BETTER_AUTH_TRUSTED_ORIGINS)"
        );
    }
}

fn allow(origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    vary(headers);
}

/// Tells caches to store a response separately for each origin.
fn vary(headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("Origin"));
}
