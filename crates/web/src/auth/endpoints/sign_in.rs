//! `POST /api/auth/sign-in/email`.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::services::{SessionService, SignIn, SignInError, SignInService};
use taskbridge_domain::users::{Email, Password, UserId};
use tracing::field::display;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::cookies::SessionCookies;
use crate::auth::csrf::check_sign_in;
use crate::auth::dto::{Next, SignedIn, SignedInResponse, client};
use crate::auth::error::{AuthApiError, CALLBACK};
use crate::auth::extract::body::{AuthBody, Schema, SignInBody};
use crate::auth::known_device::is_known_device;
use crate::auth::responses::auth_errors;
use crate::extract::client_address::ClientAddress;
use crate::json_schema;

/// Who signs in.
#[derive(ToSchema)]
#[schema(as = SignIn, rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct SignInRequest {
    #[schema(schema_with = json_schema::email)]
    email: String,
    #[schema(schema_with = json_schema::password)]
    password: String,
    /// Whether the session outlives the browser; so it does unless this is `false`.
    #[schema(required = false)]
    remember_me: bool,
    /// Where to send the browser next: a path, or a URL of a trusted origin. It is in the answer.
    #[schema(rename = "callbackURL", required = false)]
    callback_url: String,
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
            AuthApiError::EmailNotVerified,
            AuthApiError::Banned,
            AuthApiError::SecondFactor,
            AuthApiError::BodyLate,
            AuthApiError::BodyTooLarge,
            AuthApiError::InvalidTarget(&CALLBACK),
            AuthApiError::MissingOrigin,
            AuthApiError::InvalidOrigin,
            AuthApiError::CrossSiteNavigation,
            AuthApiError::MediaType { sent: "text/plain".into(), allowed: "application/json" },
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
                ("set-cookie", description = "The session cookie, and `known_device` where rate limits are on."),
                ("set-auth-token", description = "The session token for clients without cookies."),
                ("set-auth-jwt", description = "A token for the tasks.")
            )
        ),
        Errors
    )
)]
pub(crate) async fn sign_in(
    request: HttpRequest,
    SignInBody(body): SignInBody,
    service: Data<SignInService>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let (sign_in, callback) = parse(body, &request, &cookies)?;
    check_sign_in(&request)?;
    let remember = sign_in.remember;
    let client_ip = ClientAddress::of(&request).0.map(display);
    let session = service.sign_in(sign_in).await.inspect_err(|error| match error {
        SignInError::InvalidCredentials(user_id) => {
            tracing::info!(user_id = user_id.as_ref().map(UserId::as_str), client_ip, "sign-in refused");
        }
        SignInError::TooManyAttempts { .. } => {
            tracing::warn!(client_ip, "sign-in refused: too many wrong passwords for one account");
        }
        SignInError::Restricted { user, restriction } => {
            tracing::info!(user_id = user.as_str(), client_ip, %restriction, "sign-in refused: the account is restricted");
        }
        SignInError::Hash(_) | SignInError::Store(_) => {}
    })?;
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed in");
    let answer = SignedIn { session: &session, remember, next: Some(Next(callback)) };
    Ok(answer.respond(&request, &sessions, &cookies).await)
}

fn parse(
    body: AuthBody,
    request: &HttpRequest,
    cookies: &SessionCookies,
) -> Result<(SignIn, Option<String>), AuthApiError> {
    let mut schema = Schema::of(body, &["object"])?;
    let email = schema.string("email");
    let password = schema.string("password");
    let callback = schema.optional_string("callbackURL").filter(|url| !url.is_empty());
    let remember = schema.optional_boolean("rememberMe").unwrap_or(true);
    match (email, password) {
        (Some(email), Some(password)) if schema.is_met() => {
            let email = Email::parse(&email).map_err(|_not_shown| AuthApiError::InvalidEmail)?;
            let password = Password::parse(&password)?;
            let is_known_device = is_known_device(request, cookies, &email);
            Ok((SignIn { email, password, remember, client: client(request), is_known_device }, callback))
        }
        _ => Err(schema.into_error()),
    }
}
