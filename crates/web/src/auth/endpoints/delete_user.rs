//! `POST /api/auth/delete-user`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use taskbridge_domain::services::{DeleteUser, DeleteUserError, ProfileService};
use taskbridge_domain::users::Password;
use utoipa::ToSchema;
use validator::Validate;

use super::password::log_refusal;
use crate::auth::cookies::{SessionCookies, set_cookies};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::WithSession;
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::{body_errors, error_responses, session_errors, validation_error};
use crate::extract::client_address::ClientAddress;
use crate::extract::field::{Field, RequestFields};
use crate::json_schema;

/// The confirmation of a deletion.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = DeleteUser)]
pub(crate) struct DeleteUserRequest {
    #[serde(rename = "callbackURL")]
    #[validate(custom(function = Field::check))]
    #[schema(ignore)]
    callback_url: Field<Option<String>>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::password, required = false)]
    password: Field<Option<String>>,
    #[validate(custom(function = Field::check))]
    #[schema(ignore)]
    token: Field<Option<String>>,
}

impl RequestFields for DeleteUserRequest {
    type Value = (Option<String>, Option<String>);

    fn into_value(self) -> Option<Self::Value> {
        self.callback_url.valid()?;
        let [password, token] = [self.password.valid()?, self.token.valid()?];
        Some((password.filter(|text| !text.is_empty()), token.filter(|text| !text.is_empty())))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = UserDeleted)]
struct UserDeletedResponse {
    /// Always `true`.
    success: bool,
    message: &'static str,
}

error_responses!(
    DeleteErrors: session_errors(),
    body_errors(),
    validation_error::<DeleteUserRequest>(),
    [
        AuthApiError::PasswordTooLong,
        AuthApiError::NoPassword,
        AuthApiError::InvalidPassword,
        AuthApiError::Stale,
        AuthApiError::InvalidToken,
    ]
);

/// Delete the user.
///
/// **Access:** a caller with a session who sends the password or signed in within the last day. Deletes the user and
/// their tasks, sessions and accounts. If deletion is not enabled, the response is a 404 without a body.
#[utoipa::path(
    post, path = "/delete-user", operation_id = "delete_user", tag = "auth", request_body = DeleteUserRequest,
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The user has been deleted.", body = UserDeletedResponse), DeleteErrors)
)]
pub(crate) async fn delete_user(
    request: HttpRequest,
    WithSession((password, token), CurrentSession(active)): WithSession<DeleteUserRequest>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    if !profile.allows_deletion() {
        return Err(AuthApiError::NotEnabled);
    }
    let password = password.map(|text| Password::parse(&text)).transpose()?;
    let deletion = DeleteUser { password, token, network: ClientAddress::of(&request).network() };
    profile.delete(&active, deletion).await.inspect_err(|error| {
        if let DeleteUserError::Password(error) = error {
            log_refusal(&request, &active, error);
        }
    })?;
    tracing::info!(user_id = active.user().id.as_str(), "user deleted");
    let mut response = HttpResponse::Ok();
    set_cookies(&mut response, &cookies.clear());
    Ok(response.json(UserDeletedResponse { success: true, message: "User deleted" }))
}
