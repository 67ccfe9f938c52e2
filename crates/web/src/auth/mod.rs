//! `/api/auth`: Better Auth's wire protocol. Paths match exactly; everything else below is 404 with an empty body,
//! the wrong method and a trailing slash included.

mod cookies;
mod error;
mod schema;
mod session;
mod sign_in;
mod sign_up;
mod token;
mod wire;

use actix_web::dev::HttpServiceFactory;
use actix_web::{HttpResponse, Resource, web};

pub use cookies::SessionCookies;
pub(crate) use error::AuthApiError;

const PATH: &str = "/api/auth";

/// Whether a path is one of these.
pub(crate) fn serves(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(crate) fn routes() -> impl HttpServiceFactory {
    web::scope(PATH)
        .service(endpoint("/sign-up/email").post(sign_up::sign_up))
        .service(endpoint("/sign-in/email").post(sign_in::sign_in))
        .service(endpoint("/token").get(token::token))
        .default_service(web::to(not_found))
}

fn endpoint(path: &str) -> Resource {
    web::resource(path).default_service(web::to(not_found))
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().finish()
}
