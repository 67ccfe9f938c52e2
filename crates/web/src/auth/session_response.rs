//! Responses that give the client a session.

use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use taskbridge_domain::services::{ActiveSession, SessionService};
use taskbridge_domain::sessions::{Jwt, SessionToken};

use super::cookies::{SessionCookies, set_cookies};
use super::dto::SignedInResponse;
use super::known_device::remember_device;

/// A session that a sign-in or sign-up has created.
pub(super) struct NewSession<'a> {
    pub(super) session: &'a ActiveSession,
    pub(super) remember: bool,
    /// Whether a sign-in created the session. Only the response to a sign-in has `redirect`, and may have `url`.
    pub(super) is_sign_in: bool,
    /// The `callbackURL` of the request, if it is a sign-in that has one.
    pub(super) callback: Option<String>,
}

impl NewSession<'_> {
    /// Returns a 200 with the session token in the body, in a cookie and, as a signed bearer token, in the header
    /// `set-auth-token`. Unlike in Better Auth, the header `set-auth-jwt` contains a JWT, so that the client need not
    /// request one.
    pub(super) async fn respond(
        self,
        request: &HttpRequest,
        sessions: &SessionService,
        cookies: &SessionCookies,
    ) -> HttpResponse {
        let Self { session, remember, is_sign_in, callback } = self;
        let token = &session.session().token;
        let mut response = HttpResponse::Ok();
        issue_session(&mut response, token, remember, cookies);
        set_cookies(&mut response, &remember_device(request, cookies, &session.user().email));
        if remember {
            set_cookies(&mut response, &cookies.clear_dont_remember(request));
        }
        if let Some(jwt) = issue_jwt(session, sessions).await {
            response.insert_header(("set-auth-jwt", jwt.expose()));
            response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-jwt, set-auth-token"));
        }
        let (redirect, url) = (is_sign_in.then_some(callback.is_some()), callback.as_deref());
        // A URL with characters that are not allowed in a header is only in the body, and `Location` is omitted.
        if let Some(Ok(location)) = url.map(HeaderValue::from_str) {
            response.insert_header((LOCATION, location));
        }
        let user = session.user().into();
        response.json(SignedInResponse { redirect, token: token.expose(), url, user })
    }
}

/// Issues a JWT for a response that is complete without it: if no JWT can be issued, the error is logged and the result
/// is `None`.
pub(super) async fn issue_jwt(session: &ActiveSession, sessions: &SessionService) -> Option<Jwt> {
    let jwt = sessions.token(session).await;
    jwt.inspect_err(|error| tracing::error!(error = error as &dyn std::error::Error, "no JWT with the session")).ok()
}

/// Adds the session token to the response: as a cookie, and as a bearer token for clients without cookies.
pub(super) fn issue_session(
    response: &mut HttpResponseBuilder,
    token: &SessionToken,
    remember: bool,
    cookies: &SessionCookies,
) {
    set_cookies(response, &cookies.set(token, remember));
    response.insert_header(("set-auth-token", cookies.bearer_form(token)));
    response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-token"));
}
