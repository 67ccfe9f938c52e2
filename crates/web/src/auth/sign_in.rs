//! `POST /api/auth/sign-in/email`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use taskbridge_domain::password::Password;
use taskbridge_domain::services::{AccountService, SignIn, SignInError};
use taskbridge_domain::user::{Email, UserId};
use tracing::field::display;

use super::cookies::SessionCookies;
use super::error::AuthApiError;
use super::schema::{AuthBody, Schema};
use super::wire::{client, peer_ip, signed_in};

/// **Access:** everybody who knows a password. 200 with the user, signed in.
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
