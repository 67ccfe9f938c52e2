//! `POST /api/auth/sign-up/email`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use taskbridge_domain::services::{SessionService, SignUp, SignUpOutcome, SignUpService};
use taskbridge_domain::users::{Email, UserImage, UserName};
use tracing::field::display;
use utoipa::ToSchema;
use validator::Validate;

use crate::auth::cookies::SessionCookies;
use crate::auth::csrf::check_sign_in;
use crate::auth::dto::SignedUpResponse;
use crate::auth::error::AuthApiError;
use crate::auth::extract::body::JsonOrForm;
use crate::auth::extract::client_info::client_info;
use crate::auth::fields::NonEmpty;
use crate::auth::responses::{body_errors, error_responses, validation_error};
use crate::auth::session_response::NewSession;
use crate::extract::client_address::ClientAddress;
use crate::extract::field::{Field, RequestFields};
use crate::json_schema;

/// A new user.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignUp)]
struct SignUpRequest {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::user_name)]
    name: Field<UserName>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::email)]
    email: Field<Email>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::new_password)]
    password: Field<NonEmpty>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::image, required = false)]
    image: Field<Option<UserImage>>,
    #[serde(rename = "callbackURL")]
    #[validate(custom(function = Field::check))]
    #[schema(ignore)]
    callback_url: Field<Option<String>>,
    /// `false` ends the session when the browser is closed. The default is `true`.
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    remember_me: Field<Option<bool>>,
}

impl RequestFields for SignUpRequest {
    type Value = (UserName, Email, String, Option<UserImage>, bool);

    fn into_value(self) -> Option<Self::Value> {
        let Self { name, email, password, image, callback_url, remember_me } = self;
        let NonEmpty(password) = password.valid()?;
        callback_url.valid()?;
        Some((name.valid()?, email.valid()?, password, image.valid()?, remember_me.valid()?.unwrap_or(true)))
    }
}

error_responses!(
    Errors: body_errors(),
    validation_error::<SignUpRequest>(),
    [
        AuthApiError::PasswordTooShort,
        AuthApiError::PasswordTooLong,
        AuthApiError::SignUpDisabled,
        AuthApiError::EmailTaken,
        AuthApiError::CrossSiteNavigation,
    ]
);

/// Sign up.
///
/// **Access:** anyone. Creates a user and signs them in. If email addresses must be verified, no session is opened, and
/// the response does not reveal whether the email address is already taken.
#[utoipa::path(
    post, path = "/sign-up/email", operation_id = "sign_up", tag = "auth", request_body = SignUpRequest,
    responses(
        (
            status = 200, description = "The sign-up has been accepted.", body = SignedUpResponse,
            headers(
                ("set-cookie", description = "The session cookie and, if rate limits are on, the cookie `known_device`."),
                ("set-auth-token", description = "The session token, for clients without cookies."),
                ("set-auth-jwt", description = "An access token for the tasks API.")
            )
        ),
        Errors
    )
)]
pub(crate) async fn sign_up(
    request: HttpRequest,
    JsonOrForm(body): JsonOrForm,
    service: Data<SignUpService>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let (name, email, password, image, remember) = body.parse::<SignUpRequest>(&["object", "record"])?;
    check_sign_in(&request)?;
    let (password, client) = (service.new_password(&password), client_info(&request));
    let network = ClientAddress::of(&request).network();
    let outcome = service.sign_up(SignUp { name, email, password, image, remember, client, network }).await?;
    let client_ip = ClientAddress::of(&request).0.map(display);
    let session = match outcome {
        SignUpOutcome::SignedIn(session) => session,
        SignUpOutcome::Unverified(user) => {
            tracing::info!(client_ip, "sign-up accepted: the address must be verified before the first sign-in");
            return Ok(HttpResponse::Ok().json(SignedUpResponse { token: None, user: (&user).into() }));
        }
    };
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed up");
    let new_session = NewSession { session: &session, remember, is_sign_in: false, callback: None };
    Ok(new_session.respond(&request, &sessions, &cookies).await)
}
