//! `POST /api/auth/sign-in/email`.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::password::Password;
use taskbridge_domain::services::{AccountService, SignIn, SignInError};
use taskbridge_domain::user::{Email, UserId};
use tracing::field::display;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use super::cookies::SessionCookies;
use super::error::AuthApiError;
use super::schema::{AuthBody, Schema};
use super::wire::{SignedInResponse, client, peer_ip, signed_in};
use crate::dto::schema;
use crate::openapi::auth_errors;

/// Who signs in.
#[derive(ToSchema)]
#[schema(as = SignIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct SignInRequest {
    #[schema(schema_with = schema::email)]
    email: String,
    #[schema(schema_with = schema::password)]
    password: String,
    /// Whether the session outlives the browser; so it does unless this is `false`.
    #[schema(required = false)]
    remember_me: bool,
}

struct Errors;

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([
            AuthApiError::Validation("[body.email] Invalid input: expected string, received undefined".into()),
            AuthApiError::InvalidJson,
            AuthApiError::InvalidEmail,
            AuthApiError::PasswordTooLong,
            AuthApiError::InvalidCredentials,
            AuthApiError::BodyLate,
            AuthApiError::BodyTooLarge,
            AuthApiError::MediaType("text/plain".into()),
        ])
    }
}

/// Sign in.
///
/// **Access:** everybody who knows a password. 200 with the user, signed in.
#[utoipa::path(
    post, path = "/sign-in/email", operation_id = "sign_in", tag = "auth", request_body = SignInRequest,
    responses(
        (
            status = 200, description = "The user, signed in.", body = SignedInResponse,
            headers(
                ("set-cookie", description = "The session cookie."),
                ("set-auth-token", description = "The session token for clients without cookies."),
                ("set-auth-jwt", description = "A token for the tasks.")
            )
        ),
        Errors
    )
)]
pub(super) async fn sign_in(
    request: HttpRequest,
    body: AuthBody,
    accounts: Data<AccountService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let sign_in = parse(body, &request)?;
    let remember = sign_in.remember;
    let client_ip = peer_ip(&request).map(display);
    let session = accounts.sign_in(sign_in).await.inspect_err(|error| {
        if let SignInError::Refused(user_id) = error {
            tracing::info!(user_id = user_id.as_ref().map(UserId::as_str), client_ip, "sign-in refused");
        }
    })?;
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed in");
    Ok(signed_in(&session, remember, Some(false), &accounts, &cookies).await)
}

fn parse(body: AuthBody, request: &HttpRequest) -> Result<SignIn, AuthApiError> {
    let mut schema = Schema::of(body, &["object"])?;
    let email = schema.string("email");
    let password = schema.string("password");
    schema.optional_string("callbackURL");
    let remember = schema.optional_boolean("rememberMe").unwrap_or(true);
    match (email, password) {
        (Some(email), Some(password)) if schema.is_met() => {
            let email = Email::parse(&email).map_err(|_not_shown| AuthApiError::InvalidEmail)?;
            let password = Password::parse(&password)?;
            Ok(SignIn { email, password, remember, client: client(request) })
        }
        _ => Err(schema.into_error()),
    }
}
