//! The sessions of a user: `/list-sessions` and `/revoke-…`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Deserialize;
use taskbridge_domain::services::SessionService;
use taskbridge_domain::sessions::SessionToken;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::cookies::{SessionCookies, set_cookies};
use crate::auth::dto::{SessionResponse, StatusResponse};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::{Ignored, WithSession};
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::{body_errors, error_responses, session_errors, validation_error};
use crate::extract::field::{Field, RequestFields};

error_responses!(ListErrors: session_errors(), [AuthApiError::NotFresh]);

/// List the sessions of the user.
///
/// **Access:** a caller who signed in within the last day. Returns at most 100 sessions with their tokens, the latest
/// sign-in first.
#[utoipa::path(
    get, path = "/list-sessions", operation_id = "list_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The sessions of the user.", body = [SessionResponse]), ListErrors)
)]
pub(crate) async fn list_sessions(
    CurrentSession(active): CurrentSession,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    let live = sessions.list(&active).await?;
    Ok(HttpResponse::Ok().json(live.iter().map(SessionResponse::from).collect::<Vec<_>>()))
}

/// The session to end.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = RevokeSession)]
pub(crate) struct RevokeSessionRequest {
    /// The token of the session.
    #[validate(custom(function = Field::check))]
    #[schema(value_type = String)]
    token: Field<String>,
}

impl RequestFields for RevokeSessionRequest {
    type Value = SessionToken;

    fn into_value(self) -> Option<SessionToken> {
        self.token.valid().map(SessionToken::new)
    }
}

error_responses!(RevokeErrors: session_errors(), body_errors(), validation_error::<RevokeSessionRequest>());

/// End a session of the user.
///
/// **Access:** a caller with a session. Does nothing if the user has no session with this token.
#[utoipa::path(
    post, path = "/revoke-session", operation_id = "revoke_session", tag = "auth",
    request_body = RevokeSessionRequest, security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (status = 200, description = "The session has ended or did not exist.", body = StatusResponse),
        RevokeErrors
    )
)]
pub(crate) async fn revoke_session(
    WithSession(token, CurrentSession(active)): WithSession<RevokeSessionRequest>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke(&active, &token).await?;
    let mut response = HttpResponse::Ok();
    if token == active.session().token {
        set_cookies(&mut response, &cookies.clear());
    }
    Ok(response.json(StatusResponse::TRUE))
}

error_responses!(RevokeAllErrors: session_errors(), body_errors());

/// End all sessions of the user.
///
/// **Access:** a caller with a session. The caller's session ends, too.
#[utoipa::path(
    post, path = "/revoke-sessions", operation_id = "revoke_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "All sessions of the user have ended.", body = StatusResponse), RevokeAllErrors)
)]
pub(crate) async fn revoke_sessions(
    WithSession((), CurrentSession(active)): WithSession<Ignored>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke_all(&active).await?;
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.clear());
    Ok(response.json(StatusResponse::TRUE))
}

/// End all other sessions of the user.
///
/// **Access:** a caller with a session. The caller's session continues.
#[utoipa::path(
    post, path = "/revoke-other-sessions", operation_id = "revoke_other_sessions", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (status = 200, description = "All other sessions of the user have ended.", body = StatusResponse),
        RevokeAllErrors
    )
)]
pub(crate) async fn revoke_other_sessions(
    WithSession((), CurrentSession(active)): WithSession<Ignored>,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    sessions.revoke_others(&active).await?;
    Ok(HttpResponse::Ok().json(StatusResponse::TRUE))
}
