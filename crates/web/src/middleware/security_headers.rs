//! Headers that every answer has.

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CROSS_ORIGIN_RESOURCE_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;

use super::response_headers::with_headers;

/// What a browser may do with an answer: take it for what it says it is, keep it nowhere, load nothing for it, show it
/// in no frame, name it to nobody, embed it in no page of another site. (OWASP's REST security cheat sheet.)
///
/// `Strict-Transport-Security` is not among them. It belongs to the proxy that ends TLS: browsers heed it over TLS
/// only, and only the proxy knows for which hosts it holds.
const SECURITY: [(HeaderName, &str); 6] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
];

/// Middleware (for `actix_web::middleware::from_fn`) that adds to every answer the security headers it has not got.
///
/// # Errors
/// Those of the service within, with the same headers.
pub async fn security_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    with_headers(next.call(request).await, |headers| {
        for (name, value) in SECURITY {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
    })
}
