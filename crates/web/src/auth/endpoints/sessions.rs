//! What a session gives, and how sessions end: `/get-session`, `/list-sessions`, `/revoke-…`, `/update-session`,
//! `/sign-out`.

use std::collections::BTreeMap;

use actix_web::http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use taskbridge_domain::services::SessionService;
use taskbridge_domain::sessions::SessionToken;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::cookies::{SessionCookies, set_cookies};
use crate::auth::dto::{SessionResponse, Status, UserResponse, jwt};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::{Anything, AuthBody, AuthRequest, Schema, WithSession};
use crate::auth::extract::session::{CurrentSession, NamedSession, session_tokens};
use crate::auth::responses::{auth_errors, auth_request_errors};

#[derive(Serialize, ToSchema)]
#[schema(as = SessionWithUser)]
struct SessionWithUser<'a> {
    session: SessionResponse<'a>,
    user: UserResponse,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SignedOut)]
struct Success {
    /// Always `true`.
    success: bool,
}

/// What the routes answer that change something.
struct ChangeErrors;

impl IntoResponses for ChangeErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::Validation("[body.token] Invalid input: expected string, received undefined".into()),
        ])
    }
}

/// Who is signed in.
///
/// **Access:** everybody. 200 with the session and its user, or with `null`.
#[utoipa::path(
    get, path = "/get-session", operation_id = "get_session", tag = "auth",
    security((), ("session_cookie" = []), ("session_token" = [])),
    params(("disableRefresh" = Option<String>, Query, description = "With any value the session is not renewed.")),
    responses(
        (status = 200, description = "The session, or `null`.", body = Option<SessionWithUser>),
        GetErrors
    )
)]
pub(crate) async fn get_session(
    request: HttpRequest,
    named: NamedSession,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    match named {
        NamedSession::None => response.json(()),
        NamedSession::Over(clear) => {
            set_cookies(&mut response, &clear);
            response.json(())
        }
        NamedSession::Alive(active) => {
            set_cookies(&mut response, &cookies.clear_cache(&request));
            if let Some(jwt) = jwt(&active, &sessions).await {
                response.insert_header(("set-auth-jwt", jwt.expose()));
                response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-jwt"));
            }
            response.json(SessionWithUser { session: active.session().into(), user: active.user().into() })
        }
    }
}

/// Better Auth's deferred renewal, which is not built: 405, after the checks of any request that changes something.
pub(crate) async fn post_session(_: AuthBody) -> Result<HttpResponse, AuthApiError> {
    Err(AuthApiError::NotDeferred)
}

struct GetErrors;

impl IntoResponses for GetErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([AuthApiError::Banned])
    }
}

struct ListErrors;

impl IntoResponses for ListErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([AuthApiError::Unauthorized { clear: Vec::new() }, AuthApiError::Banned, AuthApiError::NotFresh])
    }
}

/// Where the user is signed in.
///
/// **Access:** whoever has signed in not longer than a day ago. 200 with the sessions, tokens included: at most a
/// hundred, the latest sign-in first.
#[utoipa::path(
    get, path = "/list-sessions", operation_id = "list_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The sessions.", body = [SessionResponse]), ListErrors)
)]
pub(crate) async fn list_sessions(
    CurrentSession(active): CurrentSession,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    let live = sessions.list(&active).await?;
    Ok(HttpResponse::Ok().json(live.iter().map(SessionResponse::from).collect::<Vec<_>>()))
}

/// Which session to end.
#[derive(ToSchema)]
#[schema(as = RevokeSession)]
pub(crate) struct Revocation {
    /// Its token.
    #[schema(value_type = String)]
    token: SessionToken,
}

impl AuthRequest for Revocation {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        let mut schema = Schema::of(body, &["object"])?;
        match schema.string("token") {
            Some(token) => Ok(Self { token: SessionToken::new(token) }),
            None => Err(schema.into_error()),
        }
    }
}

/// End one session.
///
/// **Access:** whoever has a session. 200, whether there was one or not; nobody else's is touched.
#[utoipa::path(
    post, path = "/revoke-session", operation_id = "revoke_session", tag = "auth", request_body = Revocation,
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "It is over.", body = Status), ChangeErrors)
)]
pub(crate) async fn revoke_session(
    WithSession(Revocation { token }, CurrentSession(active)): WithSession<Revocation>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke(&active, &token).await?;
    let mut response = HttpResponse::Ok();
    if token == active.session().token {
        set_cookies(&mut response, &cookies.clear());
    }
    Ok(response.json(Status::DONE))
}

/// End all sessions of the user.
///
/// **Access:** whoever has a session. 200; this one is over, too.
#[utoipa::path(
    post, path = "/revoke-sessions", operation_id = "revoke_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "All are over.", body = Status), ChangeErrors)
)]
pub(crate) async fn revoke_sessions(
    WithSession(Anything, CurrentSession(active)): WithSession<Anything>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke_all(&active).await?;
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.clear());
    Ok(response.json(Status::DONE))
}

/// End all other sessions of the user.
///
/// **Access:** whoever has a session. 200; this one goes on.
#[utoipa::path(
    post, path = "/revoke-other-sessions", operation_id = "revoke_other_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "All others are over.", body = Status), ChangeErrors)
)]
pub(crate) async fn revoke_other_sessions(
    WithSession(Anything, CurrentSession(active)): WithSession<Anything>,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke_others(&active).await?;
    Ok(HttpResponse::Ok().json(Status::DONE))
}

/// Fields that an app adds to its sessions; Taskbridge knows none.
pub(crate) struct Nothing;

impl AuthRequest for Nothing {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        Schema::of(body, &["record"]).map(|_| Self)
    }
}

struct UpdateErrors;

impl IntoResponses for UpdateErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::NothingToUpdate,
        ])
    }
}

/// Set fields of the session.
///
/// **Access:** whoever has a session. 400: sessions have no fields that could be set.
#[utoipa::path(
    post, path = "/update-session", operation_id = "update_session", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(UpdateErrors)
)]
pub(crate) async fn update_session(_: WithSession<Nothing>) -> Result<HttpResponse, AuthApiError> {
    Err(AuthApiError::NothingToUpdate)
}

struct SignOutErrors;

impl IntoResponses for SignOutErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([AuthApiError::Validation("[body] Invalid input: expected object, received null".into())])
    }
}

/// Sign out.
///
/// **Access:** everybody. 200 always, and the cookies go. A JWT lives on to its `exp`.
#[utoipa::path(
    post, path = "/sign-out", operation_id = "sign_out", tag = "auth",
    security((), ("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "Nobody is signed in.", body = Success), SignOutErrors)
)]
pub(crate) async fn sign_out(
    request: HttpRequest,
    body: AuthBody,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    if body.0.is_some() {
        Schema::of(body, &["object"])?;
    }
    for token in session_tokens(&request, &cookies) {
        sessions.sign_out(&token).await?;
    }
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.clear());
    Ok(response.json(Success { success: true }))
}
