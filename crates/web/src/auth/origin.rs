//! Whether a request may come from where it comes from: what keeps other people's pages from acting for our users.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderName, ORIGIN, REFERER};
use actix_web::web::Data;
use serde_json::Value;

use super::error::AuthApiError;
use crate::origins::TrustedOrigins;

/// A field that says where to send the browser next.
#[derive(Debug)]
pub(crate) struct Target {
    field: &'static str,
    in_query: bool,
    /// What it is called in an error.
    pub(super) name: &'static str,
    pub(super) code: &'static str,
}

pub(super) static CALLBACK: Target = target("callbackURL", true, "callbackURL", "INVALID_CALLBACK_URL");
static OTHER_TARGETS: [Target; 3] = [
    target("redirectTo", false, "redirectURL", "INVALID_REDIRECT_URL"),
    target("errorCallbackURL", false, "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    target("newUserCallbackURL", false, "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
];

const fn target(field: &'static str, in_query: bool, name: &'static str, code: &'static str) -> Target {
    Target { field, in_query, name, code }
}

/// For every request that may change something: one with cookies must come from a trusted origin, and nobody is sent to
/// another place.
///
/// Errors: 403, 400.
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

/// For the routes that sign somebody in, of whom nothing is known yet: another page must not do that for its visitor.
/// Programs other than browsers name no origin, and may.
///
/// Errors: 403.
pub(super) fn check_sign_in(request: &HttpRequest) -> Result<(), AuthApiError> {
    let fetch = |name| text(request, &HeaderName::from_static(name)).map(str::trim).filter(|value| !value.is_empty());
    let (site, mode) = (fetch("sec-fetch-site"), fetch("sec-fetch-mode"));
    let is_browser = site.is_some() || mode.is_some() || fetch("sec-fetch-dest").is_some();
    if request.headers().contains_key(COOKIE) {
        // Seen to already.
        Ok(())
    } else if site == Some("cross-site") && mode == Some("navigate") {
        Err(AuthApiError::CrossSiteNavigation)
    } else if is_browser || request.headers().contains_key(ORIGIN) || request.headers().contains_key(REFERER) {
        require_trusted_origin(request)
    } else {
        Ok(())
    }
}

/// `Origin`, or else `Referer`. A page without an origin of its own (`null`) is trusted if the browser says that it is
/// of this very site.
fn require_trusted_origin(request: &HttpRequest) -> Result<(), AuthApiError> {
    match text(request, &ORIGIN).filter(|origin| !origin.is_empty()).or_else(|| text(request, &REFERER)) {
        Some("null") if text(request, &HeaderName::from_static("sec-fetch-site")) == Some("same-origin") => Ok(()),
        None | Some("" | "null") => Err(AuthApiError::MissingOrigin),
        Some(origin) if trusted_origins(request)?.trust(origin) => Ok(()),
        Some(_) => Err(AuthApiError::InvalidOrigin),
    }
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

/// What JavaScript takes for there: Better Auth passes over the rest here, for the schema to judge.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    }
}

fn text<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    // One that is no text is there all the same, and trusted by nobody.
    request.headers().get(name).map(|value| value.to_str().unwrap_or("?"))
}

fn trusted_origins(request: &HttpRequest) -> Result<&TrustedOrigins, AuthApiError> {
    let trusted = request.app_data::<Data<TrustedOrigins>>();
    trusted.map(|trusted| &***trusted).ok_or_else(|| AuthApiError::Internal("no trusted origins are mounted".into()))
}
