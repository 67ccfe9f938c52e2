//! Answers below `/api/auth`.

use std::net::IpAddr;

use actix_web::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, SET_COOKIE, USER_AGENT};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;
use taskbridge_domain::services::{AccountService, ActiveSession};
use taskbridge_domain::session::Client;
use taskbridge_domain::user::User;
use utoipa::ToSchema;

use super::cookies::SessionCookies;

/// How much of a `User-Agent` is kept, in characters.
const MAX_USER_AGENT_CHARS: usize = 1024;

/// A user as Better Auth's clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
struct UserResponse {
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
        let User { id, name, email, email_verified, image, created_at, updated_at } = user;
        Self {
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            email_verified: *email_verified,
            image: image.clone(),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.to_string(),
        }
    }
}

/// The answer to a successful sign-up or sign-in; `redirect` is there for the latter alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(super) struct SignedInResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    redirect: Option<bool>,
    /// The session token.
    token: &'a str,
    user: UserResponse,
}

/// 200 with the session token, its cookie, its bearer form in `set-auth-token`, and, other than Better Auth, a JWT in
/// `set-auth-jwt`, which spares the client a request.
pub(super) async fn signed_in(
    session: &ActiveSession,
    remember: bool,
    redirect: Option<bool>,
    accounts: &AccountService,
    cookies: &SessionCookies,
) -> HttpResponse {
    let token = &session.session().token;
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.set(token, remember));
    response.insert_header(("set-auth-token", cookies.bearer_form(token)));
    match accounts.token(session).await {
        Ok(jwt) => {
            response.insert_header(("set-auth-jwt", jwt.expose()));
            response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-jwt, set-auth-token"));
        }
        // The session is there; the client can ask for a token of its own later.
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "no JWT with the new session");
            response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-token"));
        }
    }
    response.json(SignedInResponse { redirect, token: token.expose(), user: session.user().into() })
}

pub(super) fn set_cookies(response: &mut HttpResponseBuilder, lines: &[String]) {
    for line in lines {
        response.append_header((SET_COOKIE, line.as_str()));
    }
}

/// From where a request comes, as far as it can be believed: the address is not known.
pub(super) fn client(request: &HttpRequest) -> Client {
    let user_agent = request.headers().get(USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
    let user_agent = user_agent.unwrap_or_default().chars().take(MAX_USER_AGENT_CHARS).collect();
    Client { ip_address: String::new(), user_agent }
}

/// Who is at the other end of the connection, for the log: a proxy in front of this server is one, too.
pub(super) fn peer_ip(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|peer| peer.ip().to_canonical())
}
