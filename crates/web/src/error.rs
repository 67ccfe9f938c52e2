//! Error responses of the tasks API.
//!
//! The `Display` text of an error is the message in the response. The sources of the error are only written to the
//! access log; the client does not see them.

use std::borrow::Cow;
use std::future::ready;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError, Route, web};
use serde::Serialize;
use taskbridge_domain::Cause;
use taskbridge_domain::owned::ResourceName;
use taskbridge_domain::ports::{AuthError, CreateError, StoreError};
use taskbridge_domain::services::ResourceError;
use thiserror::Error;
use utoipa::ToSchema;
use validator::ValidationError;

use crate::extract::bearer::InvalidAuthorization;
use crate::extract::field::{InvalidField, UNCHECKED_FIELD};
use crate::refusal_cause::{ErrorStatus, RefusalCause};

/// Time after which a client should repeat a request that failed temporarily, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;

/// Why a 401 asks the client to authenticate. Determines the header `WWW-Authenticate` (RFC 6750, section 3).
#[derive(Debug, Error)]
pub(crate) enum Challenge {
    /// The request has no credentials.
    #[error("no Authorization header")]
    NoToken,
    /// The credentials are invalid, so the header contains `error="invalid_token"`.
    #[error("invalid token")]
    Invalid(RefusalCause, #[source] Cause),
}

impl From<InvalidAuthorization> for Challenge {
    fn from(error: InvalidAuthorization) -> Self {
        let cause = match error {
            InvalidAuthorization::Missing => return Self::NoToken,
            InvalidAuthorization::Several => RefusalCause::SeveralTokens,
            InvalidAuthorization::NotAscii => RefusalCause::MalformedToken,
            InvalidAuthorization::NoToken => RefusalCause::EmptyToken,
            InvalidAuthorization::NotBearer => RefusalCause::WrongScheme,
        };
        Self::Invalid(cause, Box::new(error))
    }
}

/// A validation error, in FastAPI's format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The path to the invalid field, such as `["body", "title"]`.
    pub(crate) loc: Vec<&'static str>,
    /// A description of the error.
    pub(crate) msg: String,
    /// A stable code.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// The body of an error response.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// A description of the error.
    detail: String,
    /// A stable code.
    #[schema(value_type = String)]
    code: Cow<'static, str>,
    /// The same as `detail`.
    message: String,
}

/// The body of an error response to an invalid query or body.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
pub(crate) struct InvalidBody<'a> {
    /// Every invalid field.
    detail: &'a [FieldError],
    /// `VALIDATION_ERROR`.
    #[schema(value_type = String)]
    code: Cow<'static, str>,
    /// All errors in one sentence.
    message: String,
}

/// Errors of the tasks API and of unknown paths.
#[derive(Debug, Error)]
pub enum ApiError {
    /// A 401 for a request without a valid access token. The message does not tell the client what is wrong.
    #[error("A valid bearer token is required")]
    #[expect(private_interfaces, reason = "made by From only")]
    Unauthenticated(#[source] Challenge),
    /// A 403 for a path with the id of another user. The message must not contain "unauthorized", because some clients
    /// take any error with this word for a 401.
    #[error("You may only use your own {}", .0.many)]
    Forbidden(ResourceName),
    /// A 404 for a resource that does not exist or that belongs to another user.
    #[error("{} not found", capitalized(.0.one))]
    NotFound(ResourceName),
    /// A 404 for an unknown path.
    #[error("Not found")]
    RouteNotFound,
    /// A 404 for the auth endpoints in bridge mode, in which Better Auth serves them.
    #[error("Not found: users sign in at the app's own Better Auth, not here")]
    SignInElsewhere,
    /// A 405. Holds the methods that the path supports, for the header `Allow`.
    #[error("Method not allowed")]
    MethodNotAllowed(String),
    /// A 400 for a malformed body. It is unknown where such a body ends, so the connection is closed.
    #[error("The request body is malformed or incomplete")]
    BodyMalformed,
    /// A 408 for a body that has not arrived completely by the deadline.
    #[error("The request body did not arrive in time")]
    BodyLate,
    /// A 409 for a new resource of a user who has the maximum number of these resources.
    #[error("You have the maximum number of {}: delete some before you add others", .0.many)]
    LimitReached(ResourceName),
    /// A 413 for a body that exceeds the limit.
    #[error("The request body is too large")]
    BodyTooLarge,
    /// A 415 for a body whose media type is not `application/json`.
    #[error("The request body must be application/json")]
    NotJson,
    /// A 415 for a body with a `Content-Encoding`.
    #[error("Content-Encoding is not supported: send the body uncompressed")]
    BodyEncoded,
    /// A 429 for a request that exceeds the rate limit of the user.
    #[error("Too many requests: wait before you send more")]
    TooManyRequests {
        /// Seconds until the next request is allowed.
        retry_after_seconds: u64,
    },
    /// A 431 for a URL and headers that are too large together.
    #[error("The request headers are too large")]
    HeadTooLarge,
    /// A 422 for an invalid query or body. Holds every invalid field.
    #[error("{}", summary(.0))]
    #[expect(private_interfaces, reason = "made by From only")]
    Invalid(Vec<FieldError>),
    /// A 503 for a temporary failure.
    #[error("The service is temporarily unavailable, please try again")]
    Unavailable(RefusalCause, #[source] Cause),
    /// A 503 for a write that may or may not have been saved.
    #[error("It is not known whether the change was saved: check before you repeat it")]
    OutcomeUnknown(RefusalCause, #[source] Cause),
    /// A 500 for any other failure.
    #[error("Internal server error")]
    Internal(#[source] Cause),
}

impl ApiError {
    pub(crate) fn unauthenticated(challenge: Challenge) -> Self {
        Self::Unauthenticated(challenge)
    }

    /// Returns a validation error for a single invalid field.
    pub(crate) fn invalid(loc: Vec<&'static str>, kind: &str, msg: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { loc, msg: msg.into(), kind: kind.into() }])
    }

    /// Returns a validation error for the invalid fields of a body or query, which `part` says.
    pub(crate) fn invalid_fields(part: &'static str, fields: Vec<InvalidField>) -> Self {
        if fields.is_empty() {
            return Self::Internal(UNCHECKED_FIELD.into());
        }
        let errors = fields.into_iter().map(|(field, ValidationError { code, message, .. })| FieldError {
            loc: vec![part, field],
            msg: message.unwrap_or_else(|| code.clone()).into_owned(),
            kind: code.into_owned(),
        });
        Self::Invalid(errors.collect())
    }

    /// Returns the cause if this is a refusal.
    pub(crate) fn refusal_cause(&self) -> Option<RefusalCause> {
        self.status_and_code().0.cause()
    }

    /// Returns the status and the code of the response.
    fn status_and_code(&self) -> (ErrorStatus, Cow<'static, str>) {
        let (status, code) = match self {
            Self::NotFound(name) => {
                return (StatusCode::NOT_FOUND.into(), code_of(*name, "NOT_FOUND"));
            }
            Self::LimitReached(name) => {
                return (RefusalCause::TaskLimitReached.into(), code_of(*name, "LIMIT_REACHED"));
            }
            Self::BodyMalformed => (StatusCode::BAD_REQUEST.into(), "BAD_REQUEST"),
            Self::Unauthenticated(Challenge::NoToken) => (RefusalCause::NoToken.into(), "UNAUTHORIZED"),
            Self::Unauthenticated(Challenge::Invalid(cause, _)) => ((*cause).into(), "UNAUTHORIZED"),
            Self::Forbidden(_) => (RefusalCause::OtherUser.into(), "FORBIDDEN"),
            Self::RouteNotFound | Self::SignInElsewhere => (StatusCode::NOT_FOUND.into(), "NOT_FOUND"),
            Self::MethodNotAllowed(_) => (StatusCode::METHOD_NOT_ALLOWED.into(), "METHOD_NOT_ALLOWED"),
            Self::BodyLate => (StatusCode::REQUEST_TIMEOUT.into(), "REQUEST_TIMEOUT"),
            Self::BodyTooLarge => (RefusalCause::BodyTooLarge.into(), "PAYLOAD_TOO_LARGE"),
            Self::NotJson | Self::BodyEncoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE.into(), "UNSUPPORTED_MEDIA_TYPE"),
            Self::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY.into(), "VALIDATION_ERROR"),
            Self::TooManyRequests { .. } => (RefusalCause::TaskRateLimited.into(), "TOO_MANY_REQUESTS"),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into(), "REQUEST_HEADER_FIELDS_TOO_LARGE")
            }
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR.into(), "INTERNAL_SERVER_ERROR"),
            Self::Unavailable(cause, _) => ((*cause).into(), "SERVICE_UNAVAILABLE"),
            Self::OutcomeUnknown(cause, _) => ((*cause).into(), "OUTCOME_UNKNOWN"),
        };
        (status, code.into())
    }
}

/// Returns the code of an error that names the resource, such as `TASK_NOT_FOUND`.
fn code_of(name: ResourceName, error: &str) -> Cow<'static, str> {
    format!("{}_{error}", name.one.to_ascii_uppercase()).into()
}

/// Returns the word with a capital letter.
fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    first.to_ascii_uppercase() + rest
}

/// Returns one message that lists all errors.
fn summary(errors: &[FieldError]) -> String {
    let one = |error: &FieldError| match error.loc.last() {
        Some(field) => format!("{field}: {}", error.msg),
        None => error.msg.clone(),
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status_and_code().0.code()
    }

    fn error_response(&self) -> HttpResponse {
        let ((status, code), message) = (self.status_and_code(), self.to_string());
        let mut response = HttpResponse::build(status.code());
        match self {
            Self::Unauthenticated(Challenge::NoToken) => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            Self::Unauthenticated(Challenge::Invalid(..)) => {
                response.insert_header((WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#))
            }
            Self::BodyMalformed => response.force_close(),
            Self::MethodNotAllowed(allowed) => response.insert_header((ALLOW, allowed.as_str())),
            Self::Unavailable(..) | Self::OutcomeUnknown(..) => {
                response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS))
            }
            Self::TooManyRequests { retry_after_seconds } => {
                response.insert_header((RETRY_AFTER, *retry_after_seconds))
            }
            Self::Invalid(detail) => return response.json(InvalidBody { detail, code, message }),
            _ => &mut response,
        };
        response.json(ErrorBody { detail: message.clone(), code, message })
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Rejected(kind, cause) => Self::Unauthenticated(Challenge::Invalid(kind.into(), cause)),
            AuthError::Unavailable(cause) => Self::Unavailable(RefusalCause::KeysUnavailable, cause),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(RefusalCause::DatabaseUnavailable, cause),
            StoreError::Busy => Self::Unavailable(RefusalCause::TooManyStatements, Box::new(error)),
            StoreError::OutcomeUnknown(cause) => Self::OutcomeUnknown(RefusalCause::WriteOutcomeUnknown, cause),
            StoreError::Corrupt(cause) => Self::Internal(cause),
        }
    }
}

impl From<ResourceError> for ApiError {
    fn from(error: ResourceError) -> Self {
        match error {
            ResourceError::NotFound(name) => Self::NotFound(name),
            ResourceError::Store(error) => error.into(),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            // The user was deleted after the access token was issued, so the token is no longer valid.
            CreateError::UnknownOwner => {
                Self::Unauthenticated(Challenge::Invalid(RefusalCause::UnknownUser, Box::new(error)))
            }
            CreateError::LimitReached(name) => Self::LimitReached(name),
            CreateError::Store(error) => error.into(),
        }
    }
}

/// Returns the route that answers the unsupported methods of a path with a 405. `methods` lists the supported methods.
pub(crate) fn not_allowed(methods: impl Into<String>) -> Route {
    let methods = methods.into();
    web::to(move || ready(Err::<HttpResponse, _>(ApiError::MethodNotAllowed(methods.clone()))))
}
