//! `GET /api/auth/token`.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::services::SessionService;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::error::AuthApiError;
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::auth_errors;

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenResponse<'a> {
    /// The JWT.
    token: &'a str,
}

struct Errors;

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([AuthApiError::Unauthorized { clear: Vec::new() }, AuthApiError::Banned])
    }
}

/// A token for the tasks.
///
/// **Access:** whoever has a session. 200 with a JWT for its user.
#[utoipa::path(
    get, path = "/token", operation_id = "get_token", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The token.", body = TokenResponse), Errors)
)]
pub(crate) async fn token(
    CurrentSession(session): CurrentSession,
    sessions: Data<SessionService>,
) -> Result<HttpResponse, AuthApiError> {
    let jwt = sessions.token(&session).await?;
    Ok(HttpResponse::Ok().json(TokenResponse { token: jwt.expose() }))
}
