//! The one mapping from what went wrong to what a Better Auth client reads: `{"message", "code"}`.

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

use crate::body::ReadError;
use crate::error::RETRY_AFTER_SECONDS;

pub(super) const PATH: &str = "/api/auth";

/// Whether a path is one of these.
pub(crate) fn serves(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A field that says where to send the browser next.
#[derive(Debug)]
pub(crate) struct Target {
    pub(super) field: &'static str,
    pub(super) in_query: bool,
    /// What it is called in an error.
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

/// The text of a problem that Better Auth does not know: it lets a NUL through to the database.
pub(super) const NUL: &str = "Invalid input: must not contain a NUL character";

/// The body of an error below `/api/auth`.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthError)]
pub(crate) struct AuthErrorBody {
    /// What is wrong, in words.
    message: String,
    /// What is wrong, for programs. Three kinds of error have none, as in Better Auth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    code: Option<&'static str>,
}

/// An error answer below `/api/auth`. `Display` is the public message.
#[derive(Debug, Error)]
pub(crate) enum AuthApiError {
    /// The fields of the body break the schema; the message names each.
    #[error("{0}")]
    Validation(String),
    #[error("Invalid JSON in request body")]
    InvalidJson,
    /// The media type as it was sent, and those that the route takes.
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
    TooManyRequests { retry_after_seconds: u64 },
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
    /// As for a path that is not known, less the media type: users may not delete themselves.
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
    /// Better Auth would ask for the second factor; Taskbridge cannot.
    #[error("Two-factor authentication is required, and this server does not support it")]
    SecondFactor,
    /// No session; the lines that clear the cookies of one that is over.
    #[error("Unauthorized")]
    Unauthorized { clear: Vec<String> },
    #[error("The service is temporarily unavailable, please try again")]
    Unavailable(#[source] Cause),
    #[error("It is not known whether the change was saved: check before you repeat it")]
    OutcomeUnknown(#[source] Cause),
    #[error("Internal server error")]
    Internal(#[source] Cause),
}

impl AuthApiError {
    /// What is wrong with a password in this field.
    pub(super) fn of_password(invalid: InvalidPassword, field: &str) -> Self {
        match invalid {
            InvalidPassword::TooShort => Self::PasswordTooShort,
            InvalidPassword::TooLong => Self::PasswordTooLong,
            InvalidPassword::Nul => Self::Validation(invalid_field(field, NUL)),
        }
    }

    fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::TargetNotText(_) | Self::NothingToUpdate | Self::TooManyRequests { .. } | Self::NotEnabled => {
                return None;
            }
            Self::EmailFixed => "EMAIL_CAN_NOT_BE_UPDATED",
            Self::InvalidPassword => "INVALID_PASSWORD",
            Self::NoPassword => "CREDENTIAL_ACCOUNT_NOT_FOUND",
            Self::InvalidToken => "INVALID_TOKEN",
            Self::Stale => "SESSION_EXPIRED",
            Self::Validation(_) => "VALIDATION_ERROR",
            Self::InvalidJson | Self::BodyMalformed => "BAD_REQUEST",
            Self::MediaType { .. } | Self::BodyEncoded => "UNSUPPORTED_MEDIA_TYPE",
            Self::MissingOrigin => "MISSING_OR_NULL_ORIGIN",
            Self::InvalidOrigin => "INVALID_ORIGIN",
            Self::CrossSiteNavigation => "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
            Self::InvalidTarget(target) => target.code,
            Self::NotFresh => "SESSION_NOT_FRESH",
            Self::NotDeferred => "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
            Self::BodyLate => "REQUEST_TIMEOUT",
            Self::HeadTooLarge => "REQUEST_HEADER_FIELDS_TOO_LARGE",
            Self::BodyTooLarge => "PAYLOAD_TOO_LARGE",
            Self::PasswordTooShort => "PASSWORD_TOO_SHORT",
            Self::PasswordTooLong => "PASSWORD_TOO_LONG",
            Self::InvalidEmail => "INVALID_EMAIL",
            Self::SignUpDisabled => "EMAIL_PASSWORD_SIGN_UP_DISABLED",
            Self::EmailTaken => "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            Self::InvalidCredentials => "INVALID_EMAIL_OR_PASSWORD",
            Self::EmailNotVerified => "EMAIL_NOT_VERIFIED",
            Self::Banned => "BANNED_USER",
            Self::SecondFactor => "TWO_FACTOR_REQUIRED",
            Self::Unauthorized { .. } => "UNAUTHORIZED",
            Self::Unavailable(_) => "SERVICE_UNAVAILABLE",
            Self::OutcomeUnknown(_) => "OUTCOME_UNKNOWN",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        })
    }
}

impl ResponseError for AuthApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Validation(_)
            | Self::InvalidJson
            | Self::BodyMalformed
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::InvalidEmail
            | Self::SignUpDisabled
            | Self::TargetNotText(_)
            | Self::NothingToUpdate
            | Self::EmailFixed
            | Self::InvalidPassword
            | Self::NoPassword
            | Self::Stale => StatusCode::BAD_REQUEST,
            Self::InvalidToken | Self::NotEnabled => StatusCode::NOT_FOUND,
            Self::MissingOrigin
            | Self::InvalidOrigin
            | Self::CrossSiteNavigation
            | Self::EmailNotVerified
            | Self::Banned
            | Self::SecondFactor
            | Self::InvalidTarget(_)
            | Self::NotFresh => StatusCode::FORBIDDEN,
            Self::NotDeferred => StatusCode::METHOD_NOT_ALLOWED,
            Self::InvalidCredentials | Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType { .. } | Self::BodyEncoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::EmailTaken => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Self::Unauthorized { clear } = self {
            super::cookies::set_cookies(&mut response, clear);
        }
        match self {
            Self::BodyMalformed => {
                response.force_close();
            }
            Self::TooManyRequests { retry_after_seconds } => {
                response
                    .insert_header(("X-Retry-After", *retry_after_seconds))
                    .insert_header((RETRY_AFTER, *retry_after_seconds));
            }
            Self::Unavailable(_) | Self::OutcomeUnknown(_) => {
                response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
            }
            Self::NotEnabled => return response.content_type(ContentType::json()).finish(),
            _ => {}
        }
        response.json(AuthErrorBody { message: self.to_string(), code: self.code() })
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
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::OutcomeUnknown(cause) => Self::OutcomeUnknown(cause),
            StoreError::Corrupt(cause) => Self::Internal(cause),
        }
    }
}

impl From<HashError> for AuthApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Unavailable(Box::new(error)),
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
            SignInError::TooManyAttempts { retry_after_seconds } => Self::TooManyRequests { retry_after_seconds },
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
            PasswordError::TooManyAttempts { retry_after_seconds } => Self::TooManyRequests { retry_after_seconds },
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

/// Returns the message for an invalid field.
pub(super) fn invalid_field(field: &str, message: &str) -> String {
    format!("[body.{field}] {message}")
}
