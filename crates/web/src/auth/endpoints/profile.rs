//! What users see and change of themselves: `/update-user`, `/change-password`, `/verify-password`, `/delete-user`,
//! `/list-accounts`.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use taskbridge_domain::services::{
    ActiveSession, ChangePassword, DeleteUser, DeleteUserError, PasswordError, ProfileService,
};
use taskbridge_domain::users::{Account, Password, ProfileUpdate, UserImage, UserName};
use tracing::field::display;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::cookies::{SessionCookies, set_cookies};
use crate::auth::dto::{Status, UserResponse, client, issue_session};
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::{AuthBody, AuthRequest, Schema, WithSession, text_problem};
use crate::auth::extract::session::CurrentSession;
use crate::auth::responses::{auth_errors, auth_request_errors};
use crate::extract::client_address::ClientAddress;
use crate::json_schema;

/// What users may change of themselves; at least one of it.
#[derive(ToSchema)]
#[schema(as = UpdateUser)]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct UpdateUserRequest {
    #[schema(schema_with = json_schema::user_name, required = false)]
    name: String,
    #[schema(schema_with = json_schema::nullable_image, required = false)]
    image: Option<String>,
}

/// An object; what is in it is judged once it is known who asks.
pub(crate) struct Update(Schema);

impl AuthRequest for Update {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        Schema::of(body, &["record"]).map(Self)
    }
}

impl Update {
    fn change(self) -> Result<ProfileUpdate, AuthApiError> {
        let Self(mut schema) = self;
        if schema.is_truthy("email") {
            return Err(AuthApiError::EmailFixed);
        }
        let name = schema.has("name").then(|| schema.parsed("name", |text| UserName::parse(text), text_problem));
        let image =
            schema.has("image").then(|| schema.nullable_parsed("image", |text| UserImage::parse(text), text_problem));
        if !schema.is_met() {
            return Err(schema.into_error());
        }
        let change = ProfileUpdate { name: name.flatten(), image };
        if change.is_empty() { Err(AuthApiError::NothingToUpdate) } else { Ok(change) }
    }
}

struct UpdateErrors;

impl IntoResponses for UpdateErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::Validation("[body.name] Invalid input: expected string, received number".into()),
            AuthApiError::NothingToUpdate,
            AuthApiError::EmailFixed,
        ])
    }
}

/// Change the user.
///
/// **Access:** whoever has a session. 200; the session is given out again.
#[utoipa::path(
    post, path = "/update-user", operation_id = "update_user", tag = "auth", request_body = UpdateUserRequest,
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "It is changed.", body = Status), UpdateErrors)
)]
pub(crate) async fn update_user(
    request: HttpRequest,
    WithSession(update, CurrentSession(active)): WithSession<Update>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    if !profile.update(&active, &update.change()?).await? {
        return Err(AuthApiError::Unauthorized { clear: cookies.clear() });
    }
    let mut response = HttpResponse::Ok();
    issue_session(&mut response, &active.session().token, !cookies.is_unremembered(&request), &cookies);
    Ok(response.json(Status::DONE))
}

/// Another password.
#[derive(ToSchema)]
#[schema(as = ChangePassword, rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct ChangePasswordRequest {
    #[schema(schema_with = json_schema::new_password)]
    new_password: String,
    #[schema(schema_with = json_schema::password)]
    current_password: String,
    /// Whether all sessions of the user end, for a new one.
    #[schema(required = false)]
    revoke_other_sessions: bool,
}

pub(crate) struct Change {
    new: String,
    current: String,
    revoke: bool,
}

impl AuthRequest for Change {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        let mut schema = Schema::of(body, &["object"])?;
        let (new, current) = (schema.string("newPassword"), schema.string("currentPassword"));
        let revoke = schema.optional_boolean("revokeOtherSessions").unwrap_or(false);
        match (new, current) {
            (Some(new), Some(current)) if schema.is_met() => Ok(Self { new, current, revoke }),
            _ => Err(schema.into_error()),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = PasswordChanged)]
struct PasswordChangedResponse<'a> {
    /// The token of the new session, if the others have ended.
    #[schema(required = true)]
    token: Option<&'a str>,
    user: UserResponse,
}

struct ChangeErrors;

impl IntoResponses for ChangeErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::Validation("[body.newPassword] Invalid input: expected string, received undefined".into()),
            AuthApiError::PasswordTooShort,
            AuthApiError::PasswordTooLong,
            AuthApiError::NoPassword,
            AuthApiError::InvalidPassword,
        ])
    }
}

/// Change the password.
///
/// **Access:** whoever has a session and knows the password. 200; with `revokeOtherSessions` all sessions end, and there
/// is a new one.
#[utoipa::path(
    post, path = "/change-password", operation_id = "change_password", tag = "auth",
    request_body = ChangePasswordRequest, security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "It is changed.", body = PasswordChangedResponse), ChangeErrors)
)]
pub(crate) async fn change_password(
    request: HttpRequest,
    WithSession(Change { new, current, revoke }, CurrentSession(active)): WithSession<Change>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let new = profile.new_password(&new).map_err(|invalid| AuthApiError::of_password(invalid, "newPassword"))?;
    let update =
        ChangePassword { new, current: Password::parse(&current)?, revoke_sessions: revoke, client: client(&request) };
    let changed = profile.change_password(&active, update).await;
    let session = changed.inspect_err(|error| log_refusal(&request, &active, error))?;
    tracing::info!(user_id = active.user().id.as_str(), revoked = revoke, "password changed");
    let mut response = HttpResponse::Ok();
    if let Some(session) = &session {
        issue_session(&mut response, &session.token, !cookies.is_unremembered(&request), &cookies);
    }
    let token = session.as_ref().map(|session| session.token.expose());
    Ok(response.json(PasswordChangedResponse { token, user: active.user().into() }))
}

/// A password.
#[derive(ToSchema)]
#[schema(as = VerifyPassword)]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct VerifyPasswordRequest {
    #[schema(schema_with = json_schema::password)]
    password: String,
}

pub(crate) struct Verify(String);

impl AuthRequest for Verify {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        let mut schema = Schema::of(body, &["object"])?;
        let Some(password) = schema.string("password") else { return Err(schema.into_error()) };
        Ok(Self(password))
    }
}

struct VerifyErrors;

impl IntoResponses for VerifyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::Validation("[body.password] Invalid input: expected string, received undefined".into()),
            AuthApiError::PasswordTooLong,
            AuthApiError::InvalidPassword,
        ])
    }
}

/// Ask whether this is the password.
///
/// **Access:** whoever has a session. 200 if it is.
#[utoipa::path(
    post, path = "/verify-password", operation_id = "verify_password", tag = "auth",
    request_body = VerifyPasswordRequest, security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "It is.", body = Status), VerifyErrors)
)]
pub(crate) async fn verify_password(
    request: HttpRequest,
    WithSession(Verify(password), CurrentSession(active)): WithSession<Verify>,
    profile: Data<ProfileService>,
) -> Result<HttpResponse, AuthApiError> {
    let verified = profile.verify_password(&active, Password::parse(&password)?).await;
    verified.map_err(|error| {
        log_refusal(&request, &active, &error);
        if let PasswordError::NoPassword = error { AuthApiError::InvalidPassword } else { error.into() }
    })?;
    Ok(HttpResponse::Ok().json(Status::DONE))
}

/// As at sign-in: whoever has come by a session may be guessing.
fn log_refusal(request: &HttpRequest, active: &ActiveSession, error: &PasswordError) {
    let (user_id, client_ip) = (active.user().id.as_str(), ClientAddress::of(request).0.map(display));
    match error {
        PasswordError::Wrong => tracing::info!(user_id, client_ip, "password refused"),
        PasswordError::TooManyAttempts { .. } => {
            tracing::warn!(user_id, client_ip, "password refused: too many wrong ones for one account");
        }
        PasswordError::NoPassword | PasswordError::Hash(_) | PasswordError::Store(_) => {}
    }
}

/// How a user confirms to be deleted.
#[derive(ToSchema)]
#[schema(as = DeleteUser)]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct DeleteUserRequest {
    /// Their password; without it they must have signed in not longer than a day ago.
    #[schema(schema_with = json_schema::password, required = false)]
    password: String,
}

pub(crate) struct Delete {
    password: Option<String>,
    token: Option<String>,
}

impl AuthRequest for Delete {
    fn parse(body: AuthBody) -> Result<Self, AuthApiError> {
        let mut schema = Schema::of(body, &["object"])?;
        schema.optional_string("callbackURL");
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (password, token) = (given(schema.optional_string("password")), given(schema.optional_string("token")));
        if !schema.is_met() {
            return Err(schema.into_error());
        }
        Ok(Self { password, token })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = UserDeleted)]
struct UserDeletedResponse {
    /// Always `true`.
    success: bool,
    message: &'static str,
}

struct DeleteErrors;

impl IntoResponses for DeleteErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_request_errors([
            AuthApiError::Unauthorized { clear: Vec::new() },
            AuthApiError::Banned,
            AuthApiError::Validation("[body.password] Invalid input: expected string, received number".into()),
            AuthApiError::PasswordTooLong,
            AuthApiError::NoPassword,
            AuthApiError::InvalidPassword,
            AuthApiError::Stale,
            AuthApiError::InvalidToken,
        ])
    }
}

/// Delete the user.
///
/// **Access:** whoever has a session and gives their password, or has signed in not longer than a day ago; 404 without a
/// body unless `auth.delete_user` is on. 200; the user's tasks, sessions and accounts are gone.
#[utoipa::path(
    post, path = "/delete-user", operation_id = "delete_user", tag = "auth", request_body = DeleteUserRequest,
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "They are gone.", body = UserDeletedResponse), DeleteErrors)
)]
pub(crate) async fn delete_user(
    request: HttpRequest,
    WithSession(Delete { password, token }, CurrentSession(active)): WithSession<Delete>,
    profile: Data<ProfileService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    if !profile.allows_deletion() {
        return Err(AuthApiError::NotEnabled);
    }
    let deletion = DeleteUser { password: password.map(|text| Password::parse(&text)).transpose()?, token };
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

/// One of the ways in which a user signs in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account)]
struct AccountResponse {
    id: String,
    /// `credential` for a password.
    provider_id: String,
    account_id: String,
    user_id: String,
    /// UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// UTC.
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

struct ListErrors;

impl IntoResponses for ListErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([AuthApiError::Unauthorized { clear: Vec::new() }, AuthApiError::Banned])
    }
}

/// The ways in which the user signs in.
///
/// **Access:** whoever has a session. 200 with the accounts, at most a hundred.
#[utoipa::path(
    get, path = "/list-accounts", operation_id = "list_accounts", tag = "auth",
    security(("session_cookie" = []), ("session_token" = [])),
    responses((status = 200, description = "The accounts.", body = [AccountResponse]), ListErrors)
)]
pub(crate) async fn list_accounts(
    CurrentSession(active): CurrentSession,
    profile: Data<ProfileService>,
) -> Result<HttpResponse, AuthApiError> {
    let accounts = profile.accounts(&active).await?;
    Ok(HttpResponse::Ok().json(accounts.into_iter().map(AccountResponse::from).collect::<Vec<_>>()))
}
