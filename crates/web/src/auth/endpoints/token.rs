//! `GET /api/auth/token`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::services::SessionService;
use utoipa::ToSchema;

use crate::auth::error::AuthApiError;
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::{error_responses, session_errors};

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenResponse<'a> {
    /// The access token.
    token: &'a str,
}

error_responses!(Errors: session_errors());

/// Get an access token.
///
/// **Access:** a caller with a session. Returns an access token (JWT) for the tasks API.
#[utoipa::path(
    get, path = "/token", operation_id = "get_token", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "An access token for the user.", body = TokenResponse), Errors)
)]
pub(crate) async fn token(
    CurrentSession(session): CurrentSession,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    let jwt = sessions.token(&session).await?;
    Ok(HttpResponse::Ok().json(TokenResponse { token: jwt.expose() }))
}
