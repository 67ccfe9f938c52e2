//! `GET /api/auth/token`.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::services::AccountService;

use super::error::AuthApiError;
use super::session::CurrentSession;

#[derive(Serialize)]
struct TokenResponse<'a> {
    token: &'a str,
}

/// **Access:** whoever has a session. 200 with a JWT for its user.
pub(super) async fn token(
    CurrentSession(session): CurrentSession,
    accounts: Data<AccountService>,
) -> Result<HttpResponse, AuthApiError> {
    let jwt = accounts.token(&session).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(TokenResponse { token: jwt.expose() }))
}
