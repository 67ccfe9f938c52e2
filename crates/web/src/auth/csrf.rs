//! Protection against cross-site request forgery, by the origin of a request, as in Better Auth.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderName, ORIGIN, REFERER};
use actix_web::web::Data;
use serde_json::Value;
use url::Url;

use super::error::{AuthApiError, CALLBACK, OTHER_TARGETS, Target};
use crate::log_text::{MAX_ORIGIN_CHARS, truncated};
use crate::refusal_cause::RefusalCause;
use crate::trusted_origins::TrustedOrigins;

/// The header in which Expo apps send their origin. A page of another site cannot use this header to pretend to be an
/// app: the browser first sends a preflight, which fails for an untrusted origin. The browser also adds `Origin` to the
/// request, and `Origin` takes precedence over this header.
const EXPO_ORIGIN: HeaderName = HeaderName::from_static("expo-origin");

/// Checks that the callback URLs of a request are trusted and, if the request has cookies, that its origin is trusted.
/// Requests that change nothing (`GET`, `HEAD` and `OPTIONS`) are not checked.
///
/// # Errors
/// Returns a 403 for an untrusted origin or URL, and a 400 for a URL that is not a string.
pub(super) fn check_origin(request: &HttpRequest, body: Option<&Value>) -> Result<(), AuthApiError> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    if request.headers().contains_key(COOKIE) {
        require_trusted_origin(request)?;
    }
    let trusted = trusted_origins(request)?;
    [&CALLBACK].into_iter().chain(&OTHER_TARGETS).try_for_each(|target| check_target(request, body, trusted, target))
}

/// Checks a request that opens a session, because a page of another site must not be able to sign its visitor in.
/// Clients that are not browsers and send no origin are accepted.
///
/// # Errors
/// Returns a 403 for an untrusted origin.
pub(super) fn check_sign_in(request: &HttpRequest) -> Result<(), AuthApiError> {
    let fetch = |name| text(request, &HeaderName::from_static(name)).map(str::trim).filter(|value| !value.is_empty());
    let (site, mode) = (fetch("sec-fetch-site"), fetch("sec-fetch-mode"));
    // The header `sec-fetch-mode` does not identify a browser, because Node's `fetch` sends it, too. Every browser that
    // sends it also sends `sec-fetch-site` (Fetch Metadata, section 2), so that header is checked instead.
    let is_browser = site.is_some() || fetch("sec-fetch-dest").is_some();
    let names_origin = [ORIGIN, EXPO_ORIGIN, REFERER].iter().any(|name| request.headers().contains_key(name));
    if request.headers().contains_key(COOKIE) {
        // `check_origin` has already checked the origin of a request with cookies.
        Ok(())
    } else if site == Some("cross-site") && mode == Some("navigate") {
        Err(refused(request, AuthApiError::CrossSiteNavigation))
    } else if is_browser || names_origin {
        require_trusted_origin(request)
    } else {
        Ok(())
    }
}

/// Requires that the origin of the request is trusted. The origin `null` is trusted if the browser reports with
/// `Sec-Fetch-Site` that the request is same-origin.
///
/// # Errors
/// Returns a 403 if the origin is not trusted, and logs the reason.
fn require_trusted_origin(request: &HttpRequest) -> Result<(), AuthApiError> {
    match origin(request) {
        Some("null") if text(request, &HeaderName::from_static("sec-fetch-site")) == Some("same-origin") => Ok(()),
        None | Some("" | "null") => Err(refused(request, AuthApiError::MissingOrigin)),
        Some(origin) if trusted_origins(request)?.trust(origin) => Ok(()),
        Some(_) => Err(refused(request, AuthApiError::InvalidOrigin)),
    }
}

/// Returns the value of `Origin` or, if that header is absent, of `expo-origin`. If both headers are absent or the
/// value is empty, returns the value of `Referer`.
fn origin(request: &HttpRequest) -> Option<&str> {
    let origin = text(request, &ORIGIN).or_else(|| text(request, &EXPO_ORIGIN));
    origin.filter(|origin| !origin.is_empty()).or_else(|| text(request, &REFERER))
}

/// Logs why a request is rejected and what the operator can change, and returns `error`.
fn refused(request: &HttpRequest, error: AuthApiError) -> AuthApiError {
    let advice = match error {
        AuthApiError::InvalidOrigin => {
            "refused an origin: if it is yours, add it to auth.trusted_origins (BETTER_AUTH_TRUSTED_ORIGINS)"
        }
        AuthApiError::CrossSiteNavigation => {
            "refused a sign-in: a link or form of another site led to it; send the sign-in with fetch from a page of a trusted \
            origin"
        }
        _ => {
            "refused an origin: with cookies or from a browser, the request needs an Origin header (or expo-origin) that \
            auth.trusted_origins (BETTER_AUTH_TRUSTED_ORIGINS) lists"
        }
    };
    let sent = [ORIGIN, EXPO_ORIGIN].into_iter().find_map(|name| request.headers().get(name));
    let origin = match (sent, text(request, &REFERER)) {
        (Some(sent), _) if !sent.is_empty() => Some(truncated(sent.as_bytes(), MAX_ORIGIN_CHARS)),
        // Only the origin in `Referer` is logged, because the path and the query may contain secrets.
        (_, Some(referer)) => match Url::parse(referer) {
            Ok(url) => Some(truncated(url.origin().ascii_serialization().as_bytes(), MAX_ORIGIN_CHARS)),
            Err(_) => Some("an invalid Referer".into()),
        },
        _ => None,
    };
    let cause = error.refusal_cause().map(RefusalCause::word);
    tracing::info!(cause, origin, "{advice}");
    error
}

fn check_target(
    request: &HttpRequest,
    body: Option<&Value>,
    trusted: &TrustedOrigins,
    target: &'static Target,
) -> Result<(), AuthApiError> {
    let in_query = || {
        let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
        pairs.find(|(name, _)| name == target.field).map(|(_, value)| Value::String(value.into_owned()))
    };
    let in_body = body.and_then(|body| body.get(target.field)).filter(|value| is_truthy(value)).cloned();
    match in_body.or_else(|| target.in_query.then(in_query).flatten()) {
        None => Ok(()),
        Some(Value::String(url)) if url.is_empty() || trusted.trust_target(&url) => Ok(()),
        Some(Value::String(_)) => Err(AuthApiError::InvalidTarget(target)),
        Some(_) => Err(AuthApiError::TargetNotText(target)),
    }
}

/// Returns `true` if JavaScript converts the value to `true`. The checks that run before the body is validated treat a
/// field with another value as absent, as in Better Auth.
pub(super) fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

fn text<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    // A value that is not visible ASCII is replaced by `?`, which is never a trusted origin.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn trusted_origins(request: &HttpRequest) -> Result<&TrustedOrigins, AuthApiError> {
    let trusted = request.app_data::<Data<TrustedOrigins>>();
    trusted.map(|trusted| &***trusted).ok_or_else(|| AuthApiError::Internal("no trusted origins are mounted".into()))
}
