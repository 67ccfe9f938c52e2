//! The one mapping from what went wrong to what the caller of the tasks API reads.
//!
//! `Display` is the public sentence. Sources stay inside, for [`access_log`](crate::access_log) to write.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError, Route, web};
use serde::Serialize;
use taskbridge_domain::ports::{AuthError, CreateTaskError, StoreError};
use taskbridge_domain::services::TaskError;
use taskbridge_domain::{AccessError, Cause};
use thiserror::Error;
use utoipa::ToSchema;
use validator::ValidationError;

use crate::extract::field::InvalidField;

/// How long a caller should wait before trying again, in seconds.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 1;

/// What is wrong with the credentials of a request (RFC 6750, section 3).
#[derive(Debug, Error)]
pub(crate) enum Challenge {
    /// There are none: a bare challenge.
    #[error("no Authorization header")]
    NoToken,
    /// They are not good: `error="invalid_token"`.
    #[error("invalid token")]
    Invalid(#[source] Cause),
}

/// One fault of a request, in the form FastAPI gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The way to the place: `["body", "title"]`.
    pub(crate) loc: Vec<&'static str>,
    /// What is wrong, in words.
    pub(crate) msg: String,
    /// What is wrong, for programs.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// The body of an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct ErrorBody {
    /// What is wrong, in words.
    detail: String,
    /// What is wrong, for programs.
    code: &'static str,
    /// The same as `detail`.
    message: String,
}

/// The body of an error for what was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidationError)]
pub(crate) struct InvalidBody<'a> {
    /// Each fault.
    detail: &'a [FieldError],
    /// `VALIDATION_ERROR`.
    code: &'static str,
    /// All faults as one sentence.
    message: String,
}

/// An error answer of the tasks API, and of every path that nobody serves.
#[derive(Debug, Error)]
pub enum ApiError {
    /// 401. One sentence for every cause.
    #[error("A valid bearer token is required")]
    #[expect(private_interfaces, reason = "made by From only")]
    Unauthenticated(#[source] Challenge),
    /// 403, before any look-up. The word by which clients know a 401 is not in it.
    #[error("You may only use your own tasks")]
    Forbidden,
    /// 404, the same for what is absent and what is somebody else's.
    #[error("Task not found")]
    TaskNotFound,
    /// 404 for a path that nobody serves.
    #[error("Not found")]
    RouteNotFound,
    /// 404 for the auth endpoints, where this is no auth server.
    #[error("Not found: users sign in at the app's own Better Auth, not here")]
    SignInElsewhere,
    /// 405, with the methods the path knows.
    #[error("Method not allowed")]
    MethodNotAllowed(&'static str),
    /// 400: the framing of the body is wrong, so the connection cannot be used any more.
    #[error("The request body is malformed or incomplete")]
    BodyMalformed,
    /// 408.
    #[error("The request body did not arrive in time")]
    BodyLate,
    /// 413.
    #[error("The request body is too large")]
    BodyTooLarge,
    /// 415.
    #[error("The request body must be application/json")]
    NotJson,
    /// 415 for a body with a `Content-Encoding`.
    #[error("Content-Encoding is not supported: send the body uncompressed")]
    BodyEncoded,
    /// 431.
    #[error("The request headers are too large")]
    HeadTooLarge,
    /// 422, with each fault.
    #[error("{}", summary(.0))]
    #[expect(private_interfaces, reason = "made by From only")]
    Invalid(Vec<FieldError>),
    /// 503: later it may work.
    #[error("The service is temporarily unavailable, please try again")]
    Unavailable(#[source] Cause),
    /// 503: a write was sent to the store, and its answer was lost.
    #[error("It is not known whether the change was saved: check before you repeat it")]
    OutcomeUnknown(#[source] Cause),
    /// 500: it is our fault.
    #[error("Internal server error")]
    Internal(#[source] Cause),
}

impl ApiError {
    pub(crate) fn unauthenticated(challenge: Challenge) -> Self {
        Self::Unauthenticated(challenge)
    }

    /// One fault.
    pub(crate) fn invalid(loc: Vec<&'static str>, kind: &str, msg: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { loc, msg: msg.into(), kind: kind.into() }])
    }

    /// Returns a validation error for the invalid fields of a body.
    pub(crate) fn invalid_body(fields: Vec<InvalidField>) -> Self {
        let errors = fields.into_iter().map(|(field, ValidationError { code, message, .. })| FieldError {
            loc: vec!["body", field],
            msg: message.unwrap_or_else(|| code.clone()).into_owned(),
            kind: code.into_owned(),
        });
        Self::Invalid(errors.collect())
    }

    /// The stable name of the error, for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(_) => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::RouteNotFound | Self::SignInElsewhere => "NOT_FOUND",
            Self::MethodNotAllowed(_) => "METHOD_NOT_ALLOWED",
            Self::BodyMalformed => "BAD_REQUEST",
            Self::BodyLate => "REQUEST_TIMEOUT",
            Self::BodyTooLarge => "PAYLOAD_TOO_LARGE",
            Self::NotJson | Self::BodyEncoded => "UNSUPPORTED_MEDIA_TYPE",
            Self::HeadTooLarge => "REQUEST_HEADER_FIELDS_TOO_LARGE",
            Self::Invalid(_) => "VALIDATION_ERROR",
            Self::Unavailable(_) => "SERVICE_UNAVAILABLE",
            Self::OutcomeUnknown(_) => "OUTCOME_UNKNOWN",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }

    fn head(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::Unauthenticated(Challenge::NoToken) => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            Self::Unauthenticated(Challenge::Invalid(_)) => {
                response.insert_header((WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#))
            }
            Self::BodyMalformed => response.force_close(),
            Self::MethodNotAllowed(allowed) => response.insert_header((ALLOW, *allowed)),
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => {
                response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS))
            }
            Self::Forbidden
            | Self::TaskNotFound
            | Self::RouteNotFound
            | Self::SignInElsewhere
            | Self::BodyLate
            | Self::BodyTooLarge
            | Self::NotJson
            | Self::BodyEncoded
            | Self::HeadTooLarge
            | Self::Invalid(_)
            | Self::Internal(_) => &mut response,
        };
        response
    }
}

/// All faults as one sentence.
fn summary(faults: &[FieldError]) -> String {
    let one = |fault: &FieldError| match fault.loc.last() {
        Some(place) => format!("{place}: {}", fault.msg),
        None => fault.msg.clone(),
    };
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TaskNotFound | Self::RouteNotFound | Self::SignInElsewhere => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyMalformed => StatusCode::BAD_REQUEST,
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson | Self::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (code, message) = (self.code(), self.to_string());
        match self {
            Self::Invalid(detail) => self.head().json(InvalidBody { detail, code, message }),
            _ => self.head().json(ErrorBody { detail: message.clone(), code, message }),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Rejected(cause) => Self::Unauthenticated(Challenge::Invalid(cause)),
            AuthError::Unavailable(cause) => Self::Unavailable(cause),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(_: AccessError) -> Self {
        Self::Forbidden
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::OutcomeUnknown(cause) => Self::OutcomeUnknown(cause),
            StoreError::Corrupt(cause) => Self::Internal(cause),
        }
    }
}

impl From<TaskError> for ApiError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::NotFound => Self::TaskNotFound,
            TaskError::Store(error) => error.into(),
        }
    }
}

impl From<CreateTaskError> for ApiError {
    fn from(error: CreateTaskError) -> Self {
        match error {
            // The token outlives its user: it speaks for nobody any more.
            CreateTaskError::UnknownOwner => Self::Unauthenticated(Challenge::Invalid(Box::new(error))),
            CreateTaskError::Store(error) => error.into(),
        }
    }
}

/// The answer for methods that a path does not know; these are those it knows.
pub(crate) fn not_allowed(methods: &'static str) -> Route {
    web::to(move || async move { Err::<HttpResponse, _>(ApiError::MethodNotAllowed(methods)) })
}
