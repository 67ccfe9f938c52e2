//! The session of a request below `/api/auth`, and the headers of its response.

use std::pin::Pin;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, HeaderName, HeaderValue, PRAGMA, SET_COOKIE,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use taskbridge_domain::services::{ActiveSession, Renewal, SessionService};
use taskbridge_domain::sessions::SessionToken;

use crate::auth::cookies::SessionCookies;
use crate::auth::error::AuthApiError;
use crate::extract::bearer::bearer_token;
use crate::extract::guard::Caller;
use crate::refusal_cause::RefusalCause;

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, AuthApiError>>>>;

/// The result of looking up the session whose token a request contains.
pub(crate) enum NamedSession {
    /// The request has no session token with a valid signature.
    None,
    /// The session has expired or does not exist. Holds the `Set-Cookie` values that remove the session cookies.
    Expired(Vec<String>),
    /// The session is valid.
    Valid(Box<ActiveSession>),
}

impl NamedSession {
    /// Resumes the session of the bearer token or, if there is no bearer token, that of the cookies. Renews the session
    /// if a renewal is due, unless the user asked not to be remembered or the query has `disableRefresh`.
    async fn of(request: &HttpRequest) -> Result<Self, AuthApiError> {
        let (sessions, cookies) = services(request)?;
        let tokens = session_tokens(request, cookies);
        if tokens.is_empty() {
            cookies.warn_of_ignored(request);
            return Ok(Self::None);
        }
        let renewal = if cookies.is_unremembered(request) || is_refresh_disabled(request) {
            Renewal::Never
        } else {
            Renewal::WhenDue
        };
        let Some(session) = sessions.resume(&tokens, renewal).await? else { return Ok(Self::Expired(cookies.clear())) };
        request.extensions_mut().insert(Caller(session.user().id.clone()));
        if session.was_renewed() {
            request.extensions_mut().insert(Renewed(session.session().token.clone()));
        }
        Ok(Self::Valid(Box::new(session)))
    }
}

impl FromRequest for NamedSession {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

/// The valid session of a request.
///
/// # Errors
/// Returns a 401 if the request has no valid session. If the request names an expired session, the response removes the
/// cookies of that session.
pub(crate) struct CurrentSession(pub(crate) ActiveSession);

impl CurrentSession {
    pub(crate) async fn of(request: &HttpRequest) -> Result<Self, AuthApiError> {
        match NamedSession::of(request).await? {
            NamedSession::Valid(session) => Ok(Self(*session)),
            NamedSession::None => Err(AuthApiError::Unauthorized { cause: RefusalCause::NoSession, clear: Vec::new() }),
            NamedSession::Expired(clear) => {
                Err(AuthApiError::Unauthorized { cause: RefusalCause::SessionEnded, clear })
            }
        }
    }
}

impl FromRequest for CurrentSession {
    type Error = AuthApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

/// The token of a session that this request has renewed. Stored in the request's extensions for `session_headers`.
struct Renewed(SessionToken);

/// Middleware (for `actix_web::middleware::from_fn`) that forbids caching of all responses below `/api/auth`. If the
/// session was renewed, it also sets the session cookie, unless the response already does.
///
/// # Errors
/// Returns the errors of the inner service.
pub(crate) async fn session_headers(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let request = response.request().clone();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    let Some(Renewed(token)) = request.extensions_mut().remove() else { return Ok(response) };
    let (_, cookies) = services(&request)?;
    let prefix = format!("{}=", cookies.session_cookie());
    let is_set = headers.get_all(SET_COOKIE).any(|line| line.as_bytes().starts_with(prefix.as_bytes()));
    if !is_set {
        for line in cookies.set(&token, true) {
            headers.append(SET_COOKIE, HeaderValue::from_str(&line).map_err(internal)?);
        }
        let bearer = HeaderValue::from_str(&cookies.bearer_form(&token)).map_err(internal)?;
        headers.insert(HeaderName::from_static("set-auth-token"), bearer);
        let exposed =
            if headers.contains_key("set-auth-jwt") { "set-auth-jwt, set-auth-token" } else { "set-auth-token" };
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    }
    Ok(response)
}

fn internal(error: impl Into<taskbridge_domain::Cause>) -> AuthApiError {
    AuthApiError::Internal(error.into())
}

/// Returns the session tokens of a request. If the bearer token is a session token, the cookies are ignored.
pub(crate) fn session_tokens(request: &HttpRequest, cookies: &SessionCookies) -> Vec<SessionToken> {
    let bearer = bearer_token(request.headers()).ok().and_then(|credential| cookies.read_bearer(credential.trim()));
    bearer.map_or_else(|| cookies.read(request), |token| vec![token])
}

/// Returns `true` if the query has `disableRefresh` with a value that is not empty. As in Better Auth, even `false`
/// counts.
fn is_refresh_disabled(request: &HttpRequest) -> bool {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.any(|(name, value)| name == "disableRefresh" && !value.is_empty())
}

fn services(request: &HttpRequest) -> Result<(&SessionService, &SessionCookies), AuthApiError> {
    let mounted = |what: &str| AuthApiError::Internal(format!("no {what} are mounted").into());
    let sessions = request.app_data::<Data<SessionService>>().ok_or_else(|| mounted("sessions"))?;
    let cookies = request.app_data::<Data<SessionCookies>>().ok_or_else(|| mounted("cookies"))?;
    Ok((sessions, cookies))
}
