//! The session of the caller: `/get-session`, `/update-session` and `/sign-out`.

use actix_web::http::header::ACCESS_CONTROL_EXPOSE_HEADERS;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use taskbridge_domain::services::SessionService;
use utoipa::ToSchema;

use crate::auth::cookies::{SessionCookies, set_cookies};
use crate::auth::dto::{SessionResponse, UserResponse};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::{AuthBody, Record, WithSession};
use crate::auth::extract::session::{NamedSession, session_tokens};
use crate::auth::responses::{body_errors, error_responses, session_errors};
use crate::auth::session_response::issue_jwt;

#[derive(Serialize, ToSchema)]
#[schema(as = SessionWithUser)]
struct SessionWithUser<'a> {
    session: SessionResponse<'a>,
    user: UserResponse,
}

error_responses!(GetErrors: [AuthApiError::Banned]);

/// Get the session.
///
/// **Access:** anyone. Returns the caller's session and user, or `null` if the caller has no session.
#[utoipa::path(
    get, path = "/get-session", operation_id = "get_session", tag = "auth",
    security((), ("session_cookie" = []), ("session_token" = [])),
    params((
        "disableRefresh" = Option<String>, Query,
        description = "Any value that is not empty, even `false`, prevents the renewal of the session."
    )),
    responses(
        (status = 200, description = "The session and its user, or `null`.", body = Option<SessionWithUser>),
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
        NamedSession::Expired(clear) => {
            set_cookies(&mut response, &clear);
            response.json(())
        }
        NamedSession::Valid(active) => {
            set_cookies(&mut response, &cookies.clear_cache(&request));
            if let Some(jwt) = issue_jwt(&active, &sessions).await {
                response.insert_header(("set-auth-jwt", jwt.expose()));
                response.insert_header((ACCESS_CONTROL_EXPOSE_HEADERS, "set-auth-jwt"));
            }
            response.json(SessionWithUser { session: active.session().into(), user: active.user().into() })
        }
    }
}

/// Handles `POST /get-session`, which renews a session in Better Auth if renewal is deferred. Taskbridge does not
/// support this, so every request that passes the checks of [`AuthBody`] is rejected.
pub(crate) async fn post_session(_: AuthBody) -> Result<HttpResponse, AuthApiError> {
    Err(AuthApiError::NotDeferred)
}

error_responses!(UpdateErrors: session_errors(), body_errors(), [AuthApiError::NothingToUpdate]);

/// Update the session.
///
/// **Access:** a caller with a session. Always returns a 400, because sessions have no fields that a client can change.
#[utoipa::path(
    post, path = "/update-session", operation_id = "update_session", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(UpdateErrors)
)]
pub(crate) async fn update_session(_: WithSession<Record>) -> Result<HttpResponse, AuthApiError> {
    Err(AuthApiError::NothingToUpdate)
}

#[derive(Serialize, ToSchema)]
#[schema(as = SignedOut)]
struct SignedOutResponse {
    /// Always `true`.
    success: bool,
}

error_responses!(
    SignOutErrors: body_errors(),
    [AuthApiError::Validation("[body] Invalid input: expected object, received null".into())]
);

/// Sign out.
///
/// **Access:** anyone. Ends the caller's session, if there is one, and clears its cookies. Access tokens remain
/// valid until the time in their claim `exp`.
#[utoipa::path(
    post, path = "/sign-out", operation_id = "sign_out", tag = "auth",
    security((), ("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The caller is signed out.", body = SignedOutResponse), SignOutErrors)
)]
pub(crate) async fn sign_out(
    request: HttpRequest,
    body: AuthBody,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    if body.0.is_some() {
        body.into_object(&["object"])?;
    }
    for token in session_tokens(&request, &cookies) {
        sessions.sign_out(&token).await?;
    }
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.clear());
    Ok(response.json(SignedOutResponse { success: true }))
}
