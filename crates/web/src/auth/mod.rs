//! `/api/auth`: Better Auth's wire protocol. Paths match exactly; everything else below is 404 with an empty body,
//! the wrong method and a trailing slash included. Where users sign in elsewhere, all of it is an ordinary 404.

mod cookies;
mod error;
mod schema;
mod session;
mod sign_in;
mod sign_up;
mod token;
mod wire;

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Resource};
use utoipa::OpenApi;

use crate::AuthServer;
use crate::error::ApiError;

pub use cookies::SessionCookies;
pub(crate) use error::{AuthApiError, AuthErrorBody};

const PATH: &str = "/api/auth";

/// Whether a path is one of these.
pub(crate) fn serves(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn routes(auth: Option<AuthServer>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let scope = web::scope(PATH);
        let Some(AuthServer { accounts, cookies }) = auth else {
            config.service(scope.default_service(web::to(elsewhere)));
            return;
        };
        let scope = scope
            .app_data(Data::from(accounts))
            .app_data(Data::from(cookies))
            .service(endpoint("/sign-up/email").post(sign_up::sign_up))
            .service(endpoint("/sign-in/email").post(sign_in::sign_in))
            .service(endpoint("/token").get(token::token))
            .default_service(web::to(not_found));
        config.service(scope);
    }
}

#[derive(OpenApi)]
#[openapi(paths(sign_up::sign_up, sign_in::sign_in, token::token))]
pub(crate) struct Operations;

fn endpoint(path: &str) -> Resource {
    web::resource(path).default_service(web::to(not_found))
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

async fn elsewhere() -> Result<HttpResponse, ApiError> {
    Err(ApiError::SignInElsewhere)
}
