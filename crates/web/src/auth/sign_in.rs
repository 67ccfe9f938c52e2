//! `POST /api/auth/sign-in/email`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::password::Password;
use taskbridge_domain::services::{AccountService, SignIn};
use taskbridge_domain::user::Email;

use super::cookies::SessionCookies;
use super::error::AuthApiError;
use super::schema::{AuthBody, Schema};
use super::wire::{client, signed_in};

/// **Access:** everybody who knows a password. 200 with the user, signed in.
pub(super) async fn sign_in(
    request: HttpRequest,
    body: AuthBody,
    accounts: Data<AccountService>,
    cookies: Data<SessionCookies>,
) -> Result<HttpResponse, AuthApiError> {
    let sign_in = parse(body, &request)?;
    let remember = sign_in.remember;
    let session = accounts.sign_in(sign_in).await?;
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
