//! The password of a user: `/change-password` and `/verify-password`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use taskbridge_domain::services::{ActiveSession, ChangePassword, PasswordError, ProfileService};
use taskbridge_domain::users::Password;
use tracing::field::display;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::cookies::SessionCookies;
use crate::auth::dto::{StatusResponse, UserResponse};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::WithSession;
use crate::auth::extract::client_info::client_info;
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::{body_errors, error_responses, session_errors, validation_error};
use crate::auth::session_response::issue_session;
use crate::extract::client_address::ClientAddress;
use crate::extract::field::{Field, RequestFields};
use crate::json_schema;

/// The new and the current password.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ChangePassword)]
pub(crate) struct ChangePasswordRequest {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::new_password)]
    new_password: Field<String>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::password)]
    current_password: Field<String>,
    /// `true` ends all sessions of the user and opens a new one for the caller. The default is `false`.
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    revoke_other_sessions: Field<Option<bool>>,
}

impl RequestFields for ChangePasswordRequest {
    type Value = (String, String, bool);

    fn into_value(self) -> Option<Self::Value> {
        let revoke_sessions = self.revoke_other_sessions.valid()?.unwrap_or(false);
        Some((self.new_password.valid()?, self.current_password.valid()?, revoke_sessions))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PasswordChanged)]
struct PasswordChangedResponse<'a> {
    /// The token of the new session, or `null` if no sessions were ended.
    #[schema(required = true)]
    token: Option<&'a str>,
    user: UserResponse,
}

error_responses!(
    ChangeErrors: session_errors(),
    body_errors(),
    validation_error::<ChangePasswordRequest>(),
    [
        AuthApiError::PasswordTooShort,
        AuthApiError::PasswordTooLong,
        AuthApiError::NoPassword,
        AuthApiError::InvalidPassword,
    ]
);

/// Change the password.
///
/// **Access:** a caller with a session who knows the current password.
#[utoipa::path(
    post, path = "/change-password", operation_id = "change_password", tag = "auth",
    request_body = ChangePasswordRequest, security(("session_cookie" = []), ("session_token" = [])),
    responses(
        (status = 200, description = "The password has been changed.", body = PasswordChangedResponse),
        ChangeErrors
    )
)]
pub(crate) async fn change_password(
    request: HttpRequest,
    WithSession((new, current, revoke_sessions), CurrentSession(active)): WithSession<ChangePasswordRequest>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let new = profile.new_password(&new).map_err(|invalid| AuthApiError::of_password(invalid, "newPassword"))?;
    let (current, client) = (Password::parse(&current)?, client_info(&request));
    let network = ClientAddress::of(&request).network();
    let change = ChangePassword { new, current, revoke_sessions, client, network };
    let session =
        profile.change_password(&active, change).await.inspect_err(|error| log_refusal(&request, &active, error))?;
    tracing::info!(user_id = active.user().id.as_str(), revoked = revoke_sessions, "password changed");
    let mut response = HttpResponse::Ok();
    if let Some(session) = &session {
        issue_session(&mut response, &session.token, !cookies.is_unremembered(&request), &cookies);
    }
    let token = session.as_ref().map(|session| session.token.expose());
    Ok(response.json(PasswordChangedResponse { token, user: active.user().into() }))
}

/// The password to verify.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = VerifyPassword)]
pub(crate) struct VerifyPasswordRequest {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::password)]
    password: Field<String>,
}

impl RequestFields for VerifyPasswordRequest {
    type Value = String;

    fn into_value(self) -> Option<String> {
        self.password.valid()
    }
}

error_responses!(
    VerifyErrors: session_errors(),
    body_errors(),
    validation_error::<VerifyPasswordRequest>(),
    [AuthApiError::PasswordTooLong, AuthApiError::InvalidPassword]
);

/// Verify the password.
///
/// **Access:** a caller with a session. Checks whether the password in the body is the user's.
#[utoipa::path(
    post, path = "/verify-password", operation_id = "verify_password", tag = "auth",
    request_body = VerifyPasswordRequest, security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The password matches.", body = StatusResponse), VerifyErrors)
)]
pub(crate) async fn verify_password(
    request: HttpRequest,
    WithSession(password, CurrentSession(active)): WithSession<VerifyPasswordRequest>,
    profile: Data<ProfileService>,
) -> Result<HttpResponse, AuthApiError> {
    let network = ClientAddress::of(&request).network();
    let verified = profile.verify_password(&active, network, Password::parse(&password)?).await;
    verified.map_err(|error| {
        log_refusal(&request, &active, &error);
        if let PasswordError::NoPassword = error { AuthApiError::InvalidPassword } else { error.into() }
    })?;
    Ok(HttpResponse::Ok().json(StatusResponse::TRUE))
}

/// Logs that the caller gave a wrong password, because an attacker who has obtained a session may be guessing the
/// password. The password itself is never logged.
pub(super) fn log_refusal(request: &HttpRequest, active: &ActiveSession, error: &PasswordError) {
    let (user_id, client_ip) = (active.user().id.as_str(), ClientAddress::of(request).0.map(display));
    match error {
        PasswordError::Wrong => tracing::info!(user_id, client_ip, "password refused"),
        PasswordError::TooManyAttempts { .. } => {
            tracing::warn!(user_id, client_ip, "password refused: too many wrong ones for one account");
        }
        PasswordError::NoPassword | PasswordError::Hash(_) | PasswordError::Store(_) => {}
    }
}
