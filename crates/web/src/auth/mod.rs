//! The auth server: Better Auth's endpoints below `/api/auth`.
//!
//! As in Better Auth, the response to an unknown path, an unsupported method or a path with a trailing slash is a 404
//! without a body. In bridge mode, the response to every path is a 404 in the format of the tasks API.

mod cookies;
mod csrf;
mod dto;
mod endpoints;
pub(crate) mod error;
mod extract;
mod fields;
mod known_device;
mod rate_limit;
mod responses;
mod session_response;

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{Error, HttpResponse, Resource};
use utoipa::OpenApi;

use taskbridge_domain::services::{ProfileService, SessionService, SignInService, SignUpService};

use crate::error::ApiError;

use self::endpoints::{delete_user, jwks, password, profile, session, sessions, sign_in, sign_up, status, token};
use self::error::PATH;
use self::extract::session::session_headers;
use self::rate_limit::rate_limits;
pub use cookies::{CookieConfig, SessionCookies};
pub use rate_limit::RateLimits;

/// The services of the endpoints below `/api/auth`.
#[derive(Clone)]
pub struct AuthServer {
    /// Creates users.
    pub sign_up: Arc<SignUpService>,
    /// Signs users in.
    pub sign_in: Arc<SignInService>,
    /// Reads and changes the profile of a signed-in user.
    pub profile: Arc<ProfileService>,
    /// Resumes, lists and ends sessions, and issues access tokens.
    pub sessions: Arc<SessionService>,
    /// Creates and verifies session cookies.
    pub cookies: Arc<SessionCookies>,
    /// Rate limits, or `None` if the settings turn them off.
    pub limits: Option<Arc<RateLimits>>,
}

pub(crate) fn routes(auth: Option<AuthServer>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let scope = web::scope(PATH);
        let Some(AuthServer { sign_up, sign_in, profile, sessions, cookies, limits }) = auth else {
            config.service(scope.default_service(web::to(not_an_auth_server)));
            return;
        };
        if let Some(limits) = limits {
            config.app_data(Data::from(limits));
        }
        let scope = scope
            .app_data(Data::from(sign_up))
            .app_data(Data::from(sign_in))
            .app_data(Data::from(profile))
            .app_data(Data::from(sessions))
            .app_data(Data::from(cookies))
            .service(endpoint("/ok").get(status::ok))
            .service(endpoint("/error").get(status::error))
            .service(endpoint("/sign-up/email").post(sign_up::sign_up))
            .service(endpoint("/sign-in/email").post(sign_in::sign_in))
            .service(endpoint("/sign-out").post(session::sign_out))
            .service(endpoint("/get-session").get(session::get_session).post(session::post_session))
            .service(endpoint("/list-sessions").get(sessions::list_sessions))
            .service(endpoint("/revoke-session").post(sessions::revoke_session))
            .service(endpoint("/revoke-sessions").post(sessions::revoke_sessions))
            .service(endpoint("/revoke-other-sessions").post(sessions::revoke_other_sessions))
            .service(endpoint("/update-session").post(session::update_session))
            .service(endpoint("/update-user").post(profile::update_user))
            .service(endpoint("/change-password").post(password::change_password))
            .service(endpoint("/verify-password").post(password::verify_password))
            .service(endpoint("/delete-user").post(delete_user::delete_user))
            .service(endpoint("/list-accounts").get(profile::list_accounts))
            .service(endpoint("/token").get(token::token))
            .service(endpoint("/jwks").get(jwks::jwks))
            .default_service(web::to(not_found))
            .wrap(from_fn(session_headers))
            .wrap(from_fn(reject_encoded_paths))
            .wrap(from_fn(rate_limits));
        config.service(scope);
    }
}

#[derive(OpenApi)]
#[openapi(paths(
    status::ok,
    status::error,
    sign_up::sign_up,
    sign_in::sign_in,
    session::sign_out,
    session::get_session,
    sessions::list_sessions,
    sessions::revoke_session,
    sessions::revoke_sessions,
    sessions::revoke_other_sessions,
    session::update_session,
    profile::update_user,
    password::change_password,
    password::verify_password,
    profile::list_accounts,
    token::token,
    jwks::jwks
))]
struct Operations;

/// The operation that is documented only if users may delete themselves.
#[derive(OpenApi)]
#[openapi(paths(delete_user::delete_user))]
struct DeletionOperations;

/// Returns the operations of this auth server for the OpenAPI document.
pub(crate) fn operations(server: &AuthServer) -> utoipa::openapi::OpenApi {
    let mut operations = Operations::openapi();
    if server.profile.allows_deletion() {
        operations.merge(DeletionOperations::openapi());
    }
    operations
}

fn endpoint(path: &str) -> Resource {
    web::resource(path).default_service(web::to(not_found))
}

/// Middleware (for `actix_web::middleware::from_fn`) that rejects percent-encoded paths with a 404, because actix-web
/// would decode them and find a route.
async fn reject_encoded_paths(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if request.path().contains('%') {
        return Ok(request.into_response(not_found().await.map_into_right_body()));
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().finish()
}

async fn not_an_auth_server() -> Result<HttpResponse, ApiError> {
    Err(ApiError::SignInElsewhere)
}
