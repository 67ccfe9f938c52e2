//! Answers below `/api/auth`.

use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue, LOCATION, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use taskbridge_domain::services::{ActiveSession, SessionService};
use taskbridge_domain::sessions::{ClientInfo, Jwt, Session, SessionToken};
use taskbridge_domain::users::User;
use utoipa::ToSchema;

use super::cookies::{SessionCookies, set_cookies};
use super::known_device::remember_device;
use crate::extract::client_address::ClientAddress;

/// How much of a `User-Agent` is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 1024;

/// A user as Better Auth's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct UserResponse {
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    email_verified: bool,
    /// The address of a picture.
    #[schema(required = true)]
    image: Option<String>,
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    updated_at: String,
    #[schema(example = "swX896FuLmuQcLSw5BH08q03oNhXmkex")]
    id: String,
}

impl From<&User> for UserResponse {
    fn from(user: &User) -> Self {
        let User { id, name, email, email_verified, image, created_at, updated_at, restrictions: _ } = user;
        Self {
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            email_verified: *email_verified,
            image: image.as_ref().map(|image| image.as_str().to_owned()),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.to_string(),
        }
    }
}

/// A session as Better Auth's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub(super) struct SessionResponse<'a> {
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-28T03:46:30.168Z")]
    expires_at: String,
    /// The session token: whoever has it is signed in.
    token: &'a str,
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    updated_at: String,
    /// Empty when it is not known.
    ip_address: &'a str,
    /// Empty when none was sent.
    user_agent: &'a str,
    user_id: &'a str,
    id: &'a str,
}

impl<'a> From<&'a Session> for SessionResponse<'a> {
    fn from(session: &'a Session) -> Self {
        let Session { id, token, user_id, expires_at, created_at, updated_at, client } = session;
        Self {
            expires_at: expires_at.to_string(),
            token: token.expose(),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            ip_address: &client.ip_address,
            user_agent: &client.user_agent,
            user_id: user_id.as_str(),
            id,
        }
    }
}

/// The answer to what changes something and has nothing to tell.
#[derive(Serialize, ToSchema)]
#[schema(as = Done)]
pub(super) struct Status {
    /// Always `true`.
    status: bool,
}

impl Status {
    pub(super) const DONE: Self = Self { status: true };
}

/// The response to a sign-in, or to a sign-up that opens a session; only a sign-in has `redirect` and `url`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(super) struct SignedInResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    redirect: Option<bool>,
    /// The session token.
    token: &'a str,
    /// The `callbackURL` of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    url: Option<&'a str>,
    user: UserResponse,
}

/// Where a client may be told to go.
pub(super) struct Next(pub(super) Option<String>);

/// A session that has just been opened.
pub(super) struct SignedIn<'a> {
    pub(super) session: &'a ActiveSession,
    pub(super) remember: bool,
    pub(super) next: Option<Next>,
}

impl SignedIn<'_> {
    /// 200 with the session token, its cookie, its bearer form in `set-auth-token`, and, other than Better Auth, a JWT in
    /// `set-auth-jwt`, which spares the client a request.
    pub(super) async fn respond(
        self,
        request: &HttpRequest,
        sessions: &SessionService,
        cookies: &SessionCookies,
    ) -> HttpResponse {
        let Self { session, remember, next } = self;
        let token = &session.session().token;
        let mut response = HttpResponse::Ok();
        issue_session(&mut response, token, remember, cookies);
        set_cookies(&mut response, &remember_device(request, cookies, &session.user().email));
        if remember {
            set_cookies(&mut response, &cookies.clear_dont_remember(request));
        }
        if let Some(jwt) = jwt(session, sessions).await {
            response.insert_header(("set-auth-jwt", jwt.expose()));
            response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-jwt, set-auth-token"));
        }
        let url = next.as_ref().and_then(|Next(url)| url.as_deref());
        // A header holds less than a URL may.
        if let Some(Ok(location)) = url.map(HeaderValue::from_str) {
            response.insert_header((LOCATION, location));
        }
        let redirect = next.as_ref().map(|Next(url)| url.is_some());
        response.json(SignedInResponse { redirect, token: token.expose(), url, user: session.user().into() })
    }
}

/// The response to a sign-up, with or without a session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedUp)]
pub(super) struct SignedUpResponse<'a> {
    /// The session token; `null` for a user who must verify their address first.
    #[schema(required = true)]
    token: Option<&'a str>,
    user: UserResponse,
}

/// Returns the answer to a new user who must verify their address before they sign in.
pub(super) fn unverified(user: &User) -> HttpResponse {
    HttpResponse::Ok().json(SignedUpResponse { token: None, user: user.into() })
}

/// The JWT for an answer that is good without it, too.
pub(super) async fn jwt(session: &ActiveSession, sessions: &SessionService) -> Option<Jwt> {
    let jwt = sessions.token(session).await;
    jwt.inspect_err(|error| tracing::error!(error = error as &dyn std::error::Error, "no JWT with the session")).ok()
}

/// Hands the session out: as a cookie, and for clients without cookies.
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

/// From where a request comes, as far as it can be believed.
pub(super) fn client(request: &HttpRequest) -> ClientInfo {
    let user_agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let user_agent = user_agent.unwrap_or_default().chars().take(MAX_USER_AGENT_CHARS).collect();
    ClientInfo { ip_address: ClientAddress::of(request).to_string(), user_agent }
}
