//! The profile of a user: `/update-user` and `/list-accounts`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use taskbridge_domain::services::ProfileService;
use taskbridge_domain::users::{Account, ProfileUpdate, UserImage, UserName};
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::cookies::SessionCookies;
use crate::auth::csrf::is_truthy;
use crate::auth::dto::StatusResponse;
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::{Record, WithSession, invalid_fields};
use crate::auth::extract::session::CurrentSession;
use crate::auth::fields::Nullable;
use crate::auth::responses::{body_errors, error_responses, session_errors, validation_error};
use crate::auth::session_response::issue_session;
use crate::extract::field::{Field, RequestFields, parse_fields};
use crate::json_schema;
use crate::refusal_cause::RefusalCause;

/// The fields to change. At least one is required.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = UpdateUser)]
struct UpdateUserRequest {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::user_name, required = false)]
    name: Field<Option<UserName>>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::nullable_image, required = false)]
    image: Field<Option<Nullable<UserImage>>>,
}

impl RequestFields for UpdateUserRequest {
    type Value = ProfileUpdate;

    fn into_value(self) -> Option<ProfileUpdate> {
        let image = self.image.valid()?.map(|Nullable(image)| image);
        Some(ProfileUpdate { name: self.name.valid()?, image })
    }
}

error_responses!(
    UpdateErrors: session_errors(),
    body_errors(),
    validation_error::<UpdateUserRequest>(),
    [AuthApiError::NothingToUpdate, AuthApiError::EmailFixed]
);

/// Update the user.
///
/// **Access:** a caller with a session. Absent fields keep their values. The response sets the session cookie again.
#[utoipa::path(
    post, path = "/update-user", operation_id = "update_user", tag = "auth", request_body = UpdateUserRequest,
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The user has been updated.", body = StatusResponse), UpdateErrors)
)]
pub(crate) async fn update_user(
    request: HttpRequest,
    WithSession(fields, CurrentSession(active)): WithSession<Record>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    // As in Better Auth, the fields are validated only after the session has been found to be valid.
    if fields.get("email").is_some_and(is_truthy) {
        return Err(AuthApiError::EmailFixed);
    }
    let update = parse_fields::<UpdateUserRequest>(fields).map_err(invalid_fields)?;
    if update.is_empty() {
        return Err(AuthApiError::NothingToUpdate);
    }
    if !profile.update(&active, &update).await? {
        return Err(AuthApiError::Unauthorized { cause: RefusalCause::SessionEnded, clear: cookies.clear() });
    }
    let mut response = HttpResponse::Ok();
    issue_session(&mut response, &active.session().token, !cookies.is_unremembered(&request), &cookies);
    Ok(response.json(StatusResponse::TRUE))
}

/// A way to sign in: a password or a social provider.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
struct AccountResponse {
    id: String,
    /// `credential` for a password, otherwise the name of the social provider.
    provider_id: String,
    account_id: String,
    user_id: String,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    updated_at: String,
    scopes: Vec<String>,
}

impl From<Account> for AccountResponse {
    fn from(account: Account) -> Self {
        let Account { id, provider_id, account_id, user_id, scopes, created_at, updated_at } = account;
        Self {
            id,
            provider_id,
            account_id,
            user_id: user_id.to_string(),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            scopes,
        }
    }
}

error_responses!(ListErrors: session_errors());

/// List the accounts of the user.
///
/// **Access:** a caller with a session. Returns at most 100 accounts. An account is a way to sign in: a password or
/// a social provider.
#[utoipa::path(
    get, path = "/list-accounts", operation_id = "list_accounts", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The accounts of the user.", body = [AccountResponse]), ListErrors)
)]
pub(crate) async fn list_accounts(
    CurrentSession(active): CurrentSession,
    profile: Data<ProfileService>,
) -> Result<HttpResponse, AuthApiError> {
    let accounts = profile.accounts(&active).await?;
    Ok(HttpResponse::Ok().json(accounts.into_iter().map(AccountResponse::from).collect::<Vec<_>>()))
}
