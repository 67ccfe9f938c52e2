//! Authentication and authorization, as extractors.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use taskbridge_domain::owned::ResourceName;
use taskbridge_domain::{Authenticator, Owner, Principal, UserId};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Object, Type};

use crate::error::ApiError;
use crate::extract::bearer::bearer_token;
use crate::extract::user_rate_limit::UserRateLimit;
use crate::json_schema::path_parameter;

type Pending<T, E = ApiError> = Pin<Box<dyn Future<Output = Result<T, E>>>>;

/// The caller, authenticated by an access token in the `Authorization` header (RFC 6750, section 2.1).
///
/// # Errors
/// Returns a 401 if the request has no valid access token, and a 503 if the token cannot be verified at the moment.
pub struct AuthenticatedUser(pub Principal);

impl FromRequest for AuthenticatedUser {
    type Error = ApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let authenticator = request.app_data::<Data<Authenticator>>().cloned();
        let token = bearer_token(request.headers()).map(str::to_owned);
        let request = request.clone();
        Box::pin(async move {
            let token = token.map_err(|error| ApiError::unauthenticated(error.into()))?;
            // An app without an authenticator rejects every request, so that a mistake cannot make tasks public.
            let authenticator =
                authenticator.ok_or_else(|| ApiError::Internal("no authenticator is mounted".into()))?;
            let principal = authenticator.authenticate(&token).await?;
            request.extensions_mut().insert(Caller(principal.id().clone()));
            Ok(Self(principal))
        })
    }
}

/// The id of the caller, stored in the request's extensions for the access log.
pub(crate) struct Caller(pub(crate) UserId);

/// Where a route takes the owner from. The value is stored in the app data of the resource; without it, the owner is
/// taken from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerFrom {
    /// The owner is the user with the id `{user_id}` in the path, who must be the caller.
    Path,
    /// The owner is the caller, as identified by the access token.
    Token,
}

/// The name of the resources of a route that does not say which ones it has.
const RESOURCE: ResourceName = ResourceName { one: "resource", many: "resources" };

/// The caller as the owner of resources. If the path has a `{user_id}`, it has been found to be the id of the caller. The
/// request has then been counted by the [`UserRateLimit`] of the app, if it has one.
///
/// # Errors
/// Returns the errors of [`AuthenticatedUser`], a 403 if the path contains the id of another user, a 429 if the caller
/// exceeds the rate limit, and a 503 if the rate limiter is unavailable.
pub struct PathOwner(pub Owner);

impl FromRequest for PathOwner {
    type Error = ApiError;
    type Future = Pending<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = AuthenticatedUser::from_request(request, payload);
        let by_token = request.app_data() == Some(&OwnerFrom::Token);
        let requested = requested_user(request);
        let resource = request.app_data().copied().unwrap_or(RESOURCE);
        let limit = request.app_data::<Data<UserRateLimit>>().cloned();
        Box::pin(async move {
            let AuthenticatedUser(principal) = caller.await?;
            let requested = if by_token { Some(principal.id().clone()) } else { requested };
            let owner = requested.and_then(|requested| principal.owner_of(&requested).ok());
            let owner = owner.ok_or(ApiError::Forbidden(resource))?;
            if let Some(limit) = limit {
                limit.admit(&owner).await?;
            }
            Ok(Self(owner))
        })
    }
}

impl IntoParams for PathOwner {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let user_id = Object::builder().schema_type(Type::String).min_length(Some(1));
        vec![path_parameter("user_id", "The id of the caller: the claim `sub` of the access token.", user_id)]
    }
}

/// `T`, extracted after the guard `G` has passed.
///
/// actix-web polls all arguments of a handler concurrently and returns the first error. If `T` were an argument of its
/// own, the response could tell an unauthenticated caller what is wrong with the path, query or body before the guard
/// has decided, and the body would be read in vain.
pub struct Guarded<G, T>(pub G, pub T);

impl<G: FromRequest + 'static, T: FromRequest + 'static> FromRequest for Guarded<G, T> {
    type Error = actix_web::Error;
    type Future = Pending<Self, actix_web::Error>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let guard = G::from_request(request, &mut Payload::None);
        let (request, mut payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let guard = guard.await.map_err(Into::into)?;
            let extracted = T::from_request(&request, &mut payload).await.map_err(Into::into)?;
            Ok(Self(guard, extracted))
        })
    }
}

/// Returns the percent-decoded `{user_id}` of the path, or `None` if it is not a valid id.
fn requested_user(request: &HttpRequest) -> Option<UserId> {
    #[derive(serde::Deserialize)]
    struct UserPath {
        user_id: String,
    }
    let UserPath { user_id } = request.match_info().load().ok()?;
    // actix-web has replaced invalid UTF-8 in the path by U+FFFD, so the path could match an id that contains this
    // character although the client sent other bytes. Such a path is rejected.
    if user_id.contains(char::REPLACEMENT_CHARACTER) { None } else { UserId::parse(user_id) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use actix_web::dev::Payload;
    use actix_web::error::PayloadError;
    use actix_web::http::header::AUTHORIZATION;
    use actix_web::test::TestRequest;
    use actix_web::web::Bytes;
    use taskbridge_domain::ports::MockAuthPort;

    use super::*;

    /// A body that records whether it is read.
    struct Watched(Arc<AtomicBool>);

    impl futures_core::Stream for Watched {
        type Item = Result<Bytes, PayloadError>;

        fn poll_next(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.store(true, Ordering::SeqCst);
            Poll::Ready(None)
        }
    }

    #[actix_web::test]
    async fn the_body_of_an_unauthenticated_request_is_not_read() {
        let mut auth = MockAuthPort::new();
        auth.expect_verify().return_once(|_| {
            Err(taskbridge_domain::ports::AuthError::Rejected(
                taskbridge_domain::ports::RejectionKind::WrongSignature,
                "forged".into(),
            ))
        });
        let request = TestRequest::default()
            .app_data(Data::new(Authenticator::new(Arc::new(auth))))
            .insert_header((AUTHORIZATION, "Bearer forged"))
            .to_http_request();
        let asked = Arc::new(AtomicBool::new(false));
        let body: Pin<Box<dyn futures_core::Stream<Item = Result<Bytes, PayloadError>>>> =
            Box::pin(Watched(Arc::clone(&asked)));
        let mut payload = Payload::Stream { payload: body };
        let refused = Guarded::<AuthenticatedUser, Bytes>::from_request(&request, &mut payload).await;
        assert!(refused.is_err());
        assert!(!asked.load(Ordering::SeqCst));
    }

    #[actix_web::test]
    async fn an_app_without_an_authenticator_rejects_every_request() {
        let request = TestRequest::default().insert_header((AUTHORIZATION, "Bearer x")).to_http_request();
        let refused = AuthenticatedUser::from_request(&request, &mut Payload::None).await;
        assert!(matches!(refused, Err(ApiError::Internal(_))));
    }
}
