//! `POST /api/auth/sign-in/email`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use taskbridge_domain::services::{SessionService, SignIn, SignInError, SignInService};
use taskbridge_domain::users::{Email, Password, UserId};
use tracing::field::display;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::cookies::SessionCookies;
use crate::auth::csrf::check_sign_in;
use crate::auth::dto::SignedInResponse;
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::JsonOrForm;
use crate::auth::extract::client_info::client_info;
use crate::auth::known_device::is_known_device;
use crate::auth::responses::{body_errors, error_responses, validation_error};
use crate::auth::session_response::NewSession;
use crate::extract::client_address::ClientAddress;
use crate::extract::field::{Field, RequestFields};
use crate::json_schema;

/// The credentials of a user.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignIn)]
struct SignInRequest {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::email)]
    email: Field<String>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::password)]
    password: Field<String>,
    /// The page to open after the sign-in: a path or a URL of a trusted origin. The response contains it as `url`.
    #[serde(rename = "callbackURL")]
    #[validate(custom(function = Field::check))]
    #[schema(value_type = String, required = false)]
    callback_url: Field<Option<String>>,
    /// `false` ends the session when the browser is closed. The default is `true`.
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    remember_me: Field<Option<bool>>,
}

impl RequestFields for SignInRequest {
    type Value = (String, String, Option<String>, bool);

    fn into_value(self) -> Option<Self::Value> {
        let callback = self.callback_url.valid()?.filter(|url| !url.is_empty());
        Some((self.email.valid()?, self.password.valid()?, callback, self.remember_me.valid()?.unwrap_or(true)))
    }
}

error_responses!(
    Errors: body_errors(),
    validation_error::<SignInRequest>(),
    [
        AuthApiError::InvalidEmail,
        AuthApiError::PasswordTooLong,
        AuthApiError::InvalidCredentials,
        AuthApiError::EmailNotVerified,
        AuthApiError::Banned,
        AuthApiError::SecondFactor,
        AuthApiError::CrossSiteNavigation,
    ]
);

/// Sign in.
///
/// **Access:** anyone. Opens a session for the user with this email address and password.
#[utoipa::path(
    post, path = "/sign-in/email", operation_id = "sign_in", tag = "auth", request_body = SignInRequest,
    responses(
        (
            status = 200, description = "The user has been signed in.", body = SignedInResponse,
            headers(
                ("set-cookie", description = "The session cookie and, if rate limits are on, the cookie `known_device`."),
                ("set-auth-token", description = "The session token, for clients without cookies."),
                ("set-auth-jwt", description = "An access token for the tasks API.")
            )
        ),
        Errors
    )
)]
pub(crate) async fn sign_in(
    request: HttpRequest,
    JsonOrForm(body): JsonOrForm,
    service: Data<SignInService>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let (email, password, callback, remember) = body.parse::<SignInRequest>(&["object"])?;
    let email = Email::parse(&email).map_err(|_not_shown| AuthApiError::InvalidEmail)?;
    let password = Password::parse(&password)?;
    check_sign_in(&request)?;
    let is_known_device = is_known_device(&request, &cookies, &email);
    let (client, network) = (client_info(&request), ClientAddress::of(&request).network());
    let sign_in = SignIn { email, password, remember, client, network, is_known_device };
    let session = service.sign_in(sign_in).await.inspect_err(|error| log_failure(&request, error))?;
    let client_ip = ClientAddress::of(&request).0.map(display);
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed in");
    let new_session = NewSession { session: &session, remember, is_sign_in: true, callback };
    Ok(new_session.respond(&request, &sessions, &cookies).await)
}

fn log_failure(request: &HttpRequest, error: &SignInError) {
    let client_ip = ClientAddress::of(request).0.map(display);
    match error {
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
    }
}
