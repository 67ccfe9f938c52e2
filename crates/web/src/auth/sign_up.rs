//! `POST /api/auth/sign-up/email`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::password::NewPassword;
use taskbridge_domain::services::{AccountService, SignUp};
use taskbridge_domain::user::{Email, InvalidUserName, UserName};
use tracing::field::display;

use super::cookies::SessionCookies;
use super::error::AuthApiError;
use super::schema::{AuthBody, NUL, Schema};
use super::wire::{client, peer_ip, signed_in};

/// **Access:** everybody. 200 with the new user, signed in.
pub(super) async fn sign_up(
    request: HttpRequest,
    body: AuthBody,
    accounts: Data<AccountService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let sign_up = parse(body, &request)?;
    let remember = sign_up.remember;
    let session = accounts.sign_up(sign_up).await?;
    let client_ip = peer_ip(&request).map(display);
    tracing::info!(user_id = session.user().id.as_str(), client_ip, "signed up");
    Ok(signed_in(&session, remember, None, &accounts, &cookies).await)
}

fn parse(body: AuthBody, request: &HttpRequest) -> Result<SignUp, AuthApiError> {
    let mut schema = Schema::of(body, &["object", "record"])?;
    let name = schema.parsed("name", |text| UserName::parse(text), name_problem);
    let email = schema.parsed("email", Email::parse, |_| "Invalid email address".into());
    let password = schema.parsed("password", not_empty, |()| TOO_SMALL.into());
    let image = schema.optional_string("image");
    schema.check("image", image.as_ref().is_none_or(|image| !image.contains('\0')), NUL);
    schema.optional_string("callbackURL");
    let remember = schema.optional_boolean("rememberMe").unwrap_or(true);
    match (name, email, password) {
        (Some(name), Some(email), Some(password)) if schema.is_met() => {
            let password = NewPassword::parse(&password);
            Ok(SignUp { name, email, password, image, remember, client: client(request) })
        }
        _ => Err(schema.into_error()),
    }
}

const TOO_SMALL: &str = "Too small: expected string to have >=1 characters";

fn not_empty(text: &str) -> Result<String, ()> {
    if text.is_empty() { Err(()) } else { Ok(text.to_owned()) }
}

fn name_problem(invalid: InvalidUserName) -> String {
    match invalid {
        InvalidUserName::TooLong => {
            format!("Too big: expected string to have <={} characters", UserName::MAX_CHARS)
        }
        InvalidUserName::Nul => NUL.into(),
    }
}
