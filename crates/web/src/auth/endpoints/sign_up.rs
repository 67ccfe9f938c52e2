//! `POST /api/auth/sign-up/email`.

use std::collections::BTreeMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::services::{SessionService, SignUp, SignUpOutcome, SignUpService};
use taskbridge_domain::users::{Email, UserImage, UserName};
use tracing::field::display;
use utoipa::openapi::{RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::auth::cookies::SessionCookies;
use crate::auth::csrf::check_sign_in;
use crate::auth::dto::{SignedIn, SignedUpResponse, client, unverified};
use crate::auth::error::{AuthApiError, CALLBACK};
use crate::auth::extract::body::{AuthBody, Schema, SignInBody, text_problem};
use crate::auth::responses::auth_errors;
use crate::extract::client_address::ClientAddress;
use crate::json_schema;

/// Who signs up.
#[derive(ToSchema)]
#[schema(as = SignUp, rename_all = "camelCase")]
#[expect(dead_code, reason = "the shape, for the OpenAPI document; `parse` reads it")]
struct SignUpRequest {
    #[schema(schema_with = json_schema::user_name)]
    name: String,
    #[schema(schema_with = json_schema::email)]
    email: String,
    #[schema(schema_with = json_schema::new_password)]
    password: String,
    /// The address of a picture.
    #[schema(schema_with = json_schema::image, required = false)]
    image: String,
    /// Whether the session outlives the browser; so it does unless this is `false`.
    #[schema(required = false)]
    remember_me: bool,
}

struct Errors;

impl IntoResponses for Errors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([
            AuthApiError::Validation("[body.email] Invalid email address".into()),
            AuthApiError::InvalidJson,
            AuthApiError::PasswordTooShort,
            AuthApiError::PasswordTooLong,
            AuthApiError::SignUpDisabled,
            AuthApiError::EmailTaken,
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

/// Sign up.
///
/// **Access:** everybody. 200 with the new user, signed in. Where addresses must be verified, 200 with the new user and no
/// session, also if the address is taken.
#[utoipa::path(
    post, path = "/sign-up/email", operation_id = "sign_up", tag = "auth", request_body = SignUpRequest,
    responses(
        (
            status = 200, description = "The new user.", body = SignedUpResponse,
            headers(
                ("set-cookie", description = "The session cookie, and `known_device` where rate limits are on."),
                ("set-auth-token", description = "The session token for clients without cookies."),
                ("set-auth-jwt", description = "A token for the tasks.")
            )
        ),
        Errors
    )
)]
pub(crate) async fn sign_up(
    request: HttpRequest,
    SignInBody(body): SignInBody,
    service: Data<SignUpService>,
    sessions: Data<SessionService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let sign_up = parse(body, &request, &service)?;
    check_sign_in(&request)?;
    let remember = sign_up.remember;
    let signed_up = service.sign_up(sign_up).await?;
    let client_ip = ClientAddress::of(&request).0.map(display);
    let session = match signed_up {
        SignUpOutcome::SignedIn(session) => session,
        SignUpOutcome::Unverified(user) => {
            tracing::info!(client_ip, "sign-up accepted: the address must be verified before the first sign-in");
            return Ok(unverified(&user));
        }
    };
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed up");
    let answer = SignedIn { session: &session, remember, next: None };
    Ok(answer.respond(&request, &sessions, &cookies).await)
}

fn parse(body: AuthBody, request: &HttpRequest, service: &SignUpService) -> Result<SignUp, AuthApiError> {
    let mut schema = Schema::of(body, &["object", "record"])?;
    let name = schema.parsed("name", |text| UserName::parse(text), text_problem);
    let email = schema.parsed("email", Email::parse, |_| "Invalid email address".into());
    let password = schema.parsed("password", not_empty, |()| TOO_SMALL.into());
    let image = schema.optional_parsed("image", |text| UserImage::parse(text), text_problem);
    schema.optional_string("callbackURL");
    let remember = schema.optional_boolean("rememberMe").unwrap_or(true);
    match (name, email, password) {
        (Some(name), Some(email), Some(password)) if schema.is_met() => {
            let password = service.new_password(&password);
            Ok(SignUp { name, email, password, image, remember, client: client(request) })
        }
        _ => Err(schema.into_error()),
    }
}

const TOO_SMALL: &str = "Too small: expected string to have >=1 characters";

fn not_empty(text: &str) -> Result<String, ()> {
    if text.is_empty() { Err(()) } else { Ok(text.to_owned()) }
}
