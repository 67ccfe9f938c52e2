//! The session of a request below `/api/auth`, as an extractor.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use taskbridge_domain::services::{AccountService, ActiveSession};
use taskbridge_domain::session::SessionToken;

use super::cookies::SessionCookies;
use super::error::AuthApiError;
use crate::guard::{Caller, bearer_token};

/// A session that is alive: by `Authorization: Bearer <session token>`, else by the cookie.
///
/// Errors: 401 without one. If the request named one, well signed, that is over, the answer clears its cookies.
pub(super) struct CurrentSession(pub(super) ActiveSession);

impl FromRequest for CurrentSession {
    type Error = AuthApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AuthApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let mounted = |what: &str| AuthApiError::Internal(format!("no {what} are mounted").into());
            let accounts = request.app_data::<Data<AccountService>>().ok_or_else(|| mounted("accounts"))?;
            let cookies = request.app_data::<Data<SessionCookies>>().ok_or_else(|| mounted("cookies"))?;
            let token = named_session(&request, cookies).ok_or(AuthApiError::Unauthorized { clear: Vec::new() })?;
            let session = accounts.session(&token).await?;
            let session = session.ok_or_else(|| AuthApiError::Unauthorized { clear: cookies.clear() })?;
            request.extensions_mut().insert(Caller(session.user().id.clone()));
            Ok(Self(session))
        })
    }
}

/// The session token a request names: a bearer credential that is one wins over the cookie.
fn named_session(request: &HttpRequest, cookies: &SessionCookies) -> Option<SessionToken> {
    let bearer = bearer_token(request).ok().and_then(|credential| cookies.read_bearer(credential.trim()));
    bearer.or_else(|| cookies.read(request))
}
