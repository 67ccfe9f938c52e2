//! Error responses below `/api/auth`, in Better Auth's format: `{"message", "code"}`.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use taskbridge_domain::Cause;
use taskbridge_domain::ports::{HashError, SigningError, StoreError};
use taskbridge_domain::services::{
    DeleteUserError, ListSessionsError, PasswordError, ResumeError, SignInError, SignInRestriction, SignUpError,
};
use taskbridge_domain::users::InvalidPassword;
use thiserror::Error;
use utoipa::ToSchema;

use crate::error::RETRY_AFTER_SECONDS;
use crate::extract::body::ReadError;
use crate::refusal_cause::{ErrorStatus, RefusalCause};

/// The path of the auth endpoints.
pub(super) const PATH: &str = "/api/auth";

/// Returns `true` if `path` is below `/api/auth`.
pub(crate) fn serves(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A body field or query parameter with a URL to which the client will be redirected.
#[derive(Debug)]
pub(crate) struct Target {
    pub(super) field: &'static str,
    pub(super) in_query: bool,
    /// The name of the field in error messages.
    pub(super) name: &'static str,
    pub(super) code: &'static str,
}

pub(super) static CALLBACK: Target = target("callbackURL", true, "callbackURL", "INVALID_CALLBACK_URL");
pub(super) static OTHER_TARGETS: [Target; 3] = [
    target("redirectTo", false, "redirectURL", "INVALID_REDIRECT_URL"),
    target("errorCallbackURL", false, "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
    target("newUserCallbackURL", false, "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
];

const fn target(field: &'static str, in_query: bool, name: &'static str, code: &'static str) -> Target {
    Target { field, in_query, name, code }
}

/// The message for a text that contains a NUL character. Better Auth has no such message, because it passes NUL
/// characters on to the database.
pub(super) const NUL: &str = "Invalid input: must not contain a NUL character";

/// The body of an error response below `/api/auth`.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthError)]
pub(crate) struct AuthErrorBody {
    /// A description of the error.
    message: String,
    /// A stable code. Some errors have none, as in Better Auth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    code: Option<&'static str>,
}

/// Errors of the endpoints below `/api/auth`. `Display` is the message in the response.
#[derive(Debug, Error)]
pub(crate) enum AuthApiError {
    /// The body is invalid; the message names every invalid field.
    #[error("{0}")]
    Validation(String),
    #[error("Invalid JSON in request body")]
    InvalidJson,
    /// The media type of the body is not one of the media types in `allowed`.
    #[error("Content-Type {sent:?} is not allowed. Allowed types: {allowed}")]
    MediaType { sent: String, allowed: &'static str },
    #[error("Content-Encoding is not supported: send the body uncompressed")]
    BodyEncoded,
    #[error("Missing or null Origin")]
    MissingOrigin,
    #[error("Invalid origin")]
    InvalidOrigin,
    #[error("Cross-site navigation login blocked. This request appears to be a CSRF attack.")]
    CrossSiteNavigation,
    #[error("Invalid {}", .0.name)]
    InvalidTarget(&'static Target),
    #[error("Invalid {}: expected a string", .0.name)]
    TargetNotText(&'static Target),
    #[error("Session is not fresh")]
    NotFresh,
    #[error("POST method requires deferSessionRefresh to be enabled in session config")]
    NotDeferred,
    #[error("No fields to update")]
    NothingToUpdate,
    #[error("Too many requests. Please try again later.")]
    TooManyRequests { cause: RefusalCause, retry_after_seconds: u64 },
    #[error("Request body is malformed or incomplete")]
    BodyMalformed,
    #[error("Request body did not arrive in time")]
    BodyLate,
    #[error("Request headers too large")]
    HeadTooLarge,
    #[error("Request body too large")]
    BodyTooLarge,
    #[error("Email can not be updated")]
    EmailFixed,
    #[error("Invalid password")]
    InvalidPassword,
    #[error("Credential account not found")]
    NoPassword,
    #[error("Invalid token")]
    InvalidToken,
    #[error("Session expired. Re-authenticate to perform this action.")]
    Stale,
    /// The settings do not allow users to delete themselves. The response is a 404 without a body, as for an unknown
    /// path, but with a content type.
    #[error("Not Found")]
    NotEnabled,
    #[error("Password too short")]
    PasswordTooShort,
    #[error("Password too long")]
    PasswordTooLong,
    #[error("Invalid email")]
    InvalidEmail,
    #[error("Email and password sign up is not enabled")]
    SignUpDisabled,
    #[error("User already exists. Use another email.")]
    EmailTaken,
    #[error("Invalid email or password")]
    InvalidCredentials,
    #[error("Email not verified")]
    EmailNotVerified,
    #[error("You have been banned from this application. Please contact support if you believe this is an error.")]
    Banned,
    /// The user has a second factor, which Taskbridge cannot verify, so the user cannot sign in.
    #[error("Two-factor authentication is required, and this server does not support it")]
    SecondFactor,
    /// The request has no valid session. `clear` holds the `Set-Cookie` values that remove the cookies of an expired
    /// session.
    #[error("Unauthorized")]
    Unauthorized { cause: RefusalCause, clear: Vec<String> },
    #[error("The service is temporarily unavailable, please try again")]
    Unavailable(RefusalCause, #[source] Cause),
    #[error("It is not known whether the change was saved: check before you repeat it")]
    OutcomeUnknown(RefusalCause, #[source] Cause),
    #[error("Internal server error")]
    Internal(#[source] Cause),
}

impl AuthApiError {
    /// Returns the error for an invalid password in `field`.
    pub(super) fn of_password(invalid: InvalidPassword, field: &str) -> Self {
        match invalid {
            InvalidPassword::TooShort => Self::PasswordTooShort,
            InvalidPassword::TooLong => Self::PasswordTooLong,
            InvalidPassword::Nul => Self::Validation(invalid_field(field, NUL)),
        }
    }

    fn too_many_wrong_passwords(retry_after_seconds: u64) -> Self {
        Self::TooManyRequests { cause: RefusalCause::TooManyWrongPasswords, retry_after_seconds }
    }

    /// Returns the cause if this is a refusal.
    pub(crate) fn refusal_cause(&self) -> Option<RefusalCause> {
        self.status_and_code().0.cause()
    }

    /// Returns the status and the code of the response. Some errors have no code, as in Better Auth.
    fn status_and_code(&self) -> (ErrorStatus, Option<&'static str>) {
        let (status, code) = match self {
            Self::TargetNotText(_) | Self::NothingToUpdate => return (StatusCode::BAD_REQUEST.into(), None),
            Self::NotEnabled => return (StatusCode::NOT_FOUND.into(), None),
            Self::TooManyRequests { cause, .. } => return ((*cause).into(), None),
            Self::Validation(_) => (StatusCode::BAD_REQUEST.into(), "VALIDATION_ERROR"),
            Self::InvalidJson | Self::BodyMalformed => (StatusCode::BAD_REQUEST.into(), "BAD_REQUEST"),
            Self::EmailFixed => (StatusCode::BAD_REQUEST.into(), "EMAIL_CAN_NOT_BE_UPDATED"),
            Self::InvalidEmail => (StatusCode::BAD_REQUEST.into(), "INVALID_EMAIL"),
            Self::InvalidPassword => (StatusCode::BAD_REQUEST.into(), "INVALID_PASSWORD"),
            Self::PasswordTooShort => (StatusCode::BAD_REQUEST.into(), "PASSWORD_TOO_SHORT"),
            Self::PasswordTooLong => (StatusCode::BAD_REQUEST.into(), "PASSWORD_TOO_LONG"),
            Self::NoPassword => (StatusCode::BAD_REQUEST.into(), "CREDENTIAL_ACCOUNT_NOT_FOUND"),
            Self::SignUpDisabled => (StatusCode::BAD_REQUEST.into(), "EMAIL_PASSWORD_SIGN_UP_DISABLED"),
            Self::Stale => (StatusCode::BAD_REQUEST.into(), "SESSION_EXPIRED"),
            Self::InvalidCredentials => (RefusalCause::WrongCredentials.into(), "INVALID_EMAIL_OR_PASSWORD"),
            Self::Unauthorized { cause, .. } => ((*cause).into(), "UNAUTHORIZED"),
            Self::Banned => (RefusalCause::Banned.into(), "BANNED_USER"),
            Self::CrossSiteNavigation => {
                (RefusalCause::CrossSiteNavigation.into(), "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED")
            }
            Self::EmailNotVerified => (RefusalCause::EmailNotVerified.into(), "EMAIL_NOT_VERIFIED"),
            Self::InvalidOrigin => (RefusalCause::OriginNotTrusted.into(), "INVALID_ORIGIN"),
            Self::InvalidTarget(target) => (RefusalCause::CallbackNotTrusted.into(), target.code),
            Self::MissingOrigin => (RefusalCause::NoOrigin.into(), "MISSING_OR_NULL_ORIGIN"),
            Self::NotFresh => (RefusalCause::SessionNotFresh.into(), "SESSION_NOT_FRESH"),
            Self::SecondFactor => (RefusalCause::SecondFactor.into(), "TWO_FACTOR_REQUIRED"),
            Self::InvalidToken => (StatusCode::NOT_FOUND.into(), "INVALID_TOKEN"),
            Self::NotDeferred => (StatusCode::METHOD_NOT_ALLOWED.into(), "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"),
            Self::BodyLate => (StatusCode::REQUEST_TIMEOUT.into(), "REQUEST_TIMEOUT"),
            Self::BodyTooLarge => (RefusalCause::BodyTooLarge.into(), "PAYLOAD_TOO_LARGE"),
            Self::MediaType { .. } | Self::BodyEncoded => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE.into(), "UNSUPPORTED_MEDIA_TYPE")
            }
            Self::EmailTaken => (StatusCode::UNPROCESSABLE_ENTITY.into(), "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into(), "REQUEST_HEADER_FIELDS_TOO_LARGE")
            }
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR.into(), "INTERNAL_SERVER_ERROR"),
            Self::Unavailable(cause, _) => ((*cause).into(), "SERVICE_UNAVAILABLE"),
            Self::OutcomeUnknown(cause, _) => ((*cause).into(), "OUTCOME_UNKNOWN"),
        };
        (status, Some(code))
    }
}

impl ResponseError for AuthApiError {
    fn status_code(&self) -> StatusCode {
        self.status_and_code().0.code()
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = self.status_and_code();
        let mut response = HttpResponse::build(status.code());
        if let Self::Unauthorized { clear, .. } = self {
            super::cookies::set_cookies(&mut response, clear);
        }
        match self {
            Self::BodyMalformed => {
                response.force_close();
            }
            Self::TooManyRequests { retry_after_seconds, .. } => {
                response
                    .insert_header(("X-Retry-After", *retry_after_seconds))
                    .insert_header((RETRY_AFTER, *retry_after_seconds));
            }
            Self::Unavailable(..) | Self::OutcomeUnknown(..) => {
                response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::NotEnabled => return response.content_type(ContentType::json()).finish(),
            _ => {}
        }
        response.json(AuthErrorBody { message: self.to_string(), code })
    }
}

impl From<ReadError> for AuthApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Late => Self::BodyLate,
            ReadError::TooLarge => Self::BodyTooLarge,
            ReadError::Malformed => Self::BodyMalformed,
            ReadError::Upgrade => Self::InvalidJson,
            ReadError::Encoded => Self::BodyEncoded,
        }
    }
}

impl From<InvalidPassword> for AuthApiError {
    fn from(invalid: InvalidPassword) -> Self {
        Self::of_password(invalid, "password")
    }
}

impl From<StoreError> for AuthApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(RefusalCause::DatabaseUnavailable, cause),
            StoreError::Busy => Self::Unavailable(RefusalCause::TooManyStatements, Box::new(error)),
            StoreError::OutcomeUnknown(cause) => Self::OutcomeUnknown(RefusalCause::WriteOutcomeUnknown, cause),
            StoreError::Corrupt(cause) => Self::Internal(cause),
        }
    }
}

impl From<HashError> for AuthApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Unavailable(RefusalCause::TooManyPasswords, Box::new(error)),
            HashError::Failed(cause) => Self::Internal(cause),
        }
    }
}

impl From<ListSessionsError> for AuthApiError {
    fn from(error: ListSessionsError) -> Self {
        match error {
            ListSessionsError::NotFresh => Self::NotFresh,
            ListSessionsError::Store(error) => error.into(),
        }
    }
}

impl From<ResumeError> for AuthApiError {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Banned => Self::Banned,
            ResumeError::Store(error) => error.into(),
        }
    }
}

impl From<SignUpError> for AuthApiError {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Disabled => Self::SignUpDisabled,
            SignUpError::Password(invalid) => invalid.into(),
            SignUpError::EmailTaken => Self::EmailTaken,
            SignUpError::Hash(error) => error.into(),
            SignUpError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for AuthApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials(_) => Self::InvalidCredentials,
            SignInError::TooManyAttempts { retry_after_seconds } => Self::too_many_wrong_passwords(retry_after_seconds),
            SignInError::Restricted { restriction: SignInRestriction::EmailNotVerified, .. } => Self::EmailNotVerified,
            SignInError::Restricted { restriction: SignInRestriction::Banned, .. } => Self::Banned,
            SignInError::Restricted { restriction: SignInRestriction::SecondFactor, .. } => Self::SecondFactor,
            SignInError::Hash(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<PasswordError> for AuthApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::NoPassword => Self::NoPassword,
            PasswordError::Wrong => Self::InvalidPassword,
            PasswordError::TooManyAttempts { retry_after_seconds } => {
                Self::too_many_wrong_passwords(retry_after_seconds)
            }
            PasswordError::Hash(error) => error.into(),
            PasswordError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteUserError> for AuthApiError {
    fn from(error: DeleteUserError) -> Self {
        match error {
            DeleteUserError::Disabled => Self::NotEnabled,
            DeleteUserError::Password(error) => error.into(),
            DeleteUserError::InvalidToken => Self::InvalidToken,
            DeleteUserError::NotFresh => Self::Stale,
        }
    }
}

impl From<SigningError> for AuthApiError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Store(error) => error.into(),
            SigningError::NoKey(cause) => Self::Internal(cause),
        }
    }
}

/// Returns the text for an invalid field, with the name of the field, in Better Auth's format.
pub(super) fn invalid_field(field: &str, message: &str) -> String {
    format!("[body.{field}] {message}")
}
