//! The one mapping from what went wrong to what a Better Auth client reads: `{"message", "code"}`.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use taskbridge_domain::Cause;
use taskbridge_domain::password::InvalidPassword;
use taskbridge_domain::ports::{HashError, IssueError, StoreError};
use taskbridge_domain::services::{SignInError, SignUpError};
use thiserror::Error;
use utoipa::ToSchema;

use crate::body::ReadError;
use crate::error::RETRY_AFTER_SECONDS;

/// The body of an error below `/api/auth`.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthError)]
pub(crate) struct AuthErrorBody {
    /// What is wrong, in words.
    message: String,
    /// What is wrong, for programs.
    code: &'static str,
}

/// An error answer below `/api/auth`. `Display` is the public message.
#[derive(Debug, Error)]
pub(crate) enum AuthApiError {
    /// The fields of the body break the schema; the message names each.
    #[error("{0}")]
    Validation(String),
    #[error("Invalid JSON in request body")]
    InvalidJson,
    /// The media type as it was sent.
    #[error("Content-Type {0:?} is not allowed. Allowed types: application/json")]
    MediaType(String),
    #[error("Request body did not arrive in time")]
    BodyLate,
    #[error("Request headers too large")]
    HeadTooLarge,
    #[error("Request body too large")]
    BodyTooLarge,
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
    /// No session; the lines that clear the cookies of one that is over.
    #[error("Unauthorized")]
    Unauthorized { clear: Vec<String> },
    #[error("The service is temporarily unavailable, please try again")]
    Unavailable(#[source] Cause),
    #[error("Internal server error")]
    Internal(#[source] Cause),
}

impl AuthApiError {
    fn code(&self) -> &'static str {
        match self {
            Self::Validation(_) => "VALIDATION_ERROR",
            Self::InvalidJson => "BAD_REQUEST",
            Self::MediaType(_) => "UNSUPPORTED_MEDIA_TYPE",
            Self::BodyLate => "REQUEST_TIMEOUT",
            Self::HeadTooLarge => "REQUEST_HEADER_FIELDS_TOO_LARGE",
            Self::BodyTooLarge => "PAYLOAD_TOO_LARGE",
            Self::PasswordTooShort => "PASSWORD_TOO_SHORT",
            Self::PasswordTooLong => "PASSWORD_TOO_LONG",
            Self::InvalidEmail => "INVALID_EMAIL",
            Self::SignUpDisabled => "EMAIL_PASSWORD_SIGN_UP_DISABLED",
            Self::EmailTaken => "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            Self::InvalidCredentials => "INVALID_EMAIL_OR_PASSWORD",
            Self::Unauthorized { .. } => "UNAUTHORIZED",
            Self::Unavailable(_) => "SERVICE_UNAVAILABLE",
            Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }
}

impl ResponseError for AuthApiError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Validation(_)
            | Self::InvalidJson
            | Self::PasswordTooShort
            | Self::PasswordTooLong
            | Self::InvalidEmail
            | Self::SignUpDisabled => StatusCode::BAD_REQUEST,
            Self::InvalidCredentials | Self::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
            Self::BodyLate => StatusCode::REQUEST_TIMEOUT,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::EmailTaken => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Self::Unauthorized { clear } = self {
            super::wire::set_cookies(&mut response, clear);
        }
        if let Self::Unavailable(_) = self {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        response.json(AuthErrorBody { message: self.to_string(), code: self.code() })
    }
}

impl From<ReadError> for AuthApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Late => Self::BodyLate,
            ReadError::TooLarge => Self::BodyTooLarge,
            ReadError::Broken => Self::InvalidJson,
        }
    }
}

impl From<InvalidPassword> for AuthApiError {
    fn from(invalid: InvalidPassword) -> Self {
        match invalid {
            InvalidPassword::TooShort => Self::PasswordTooShort,
            InvalidPassword::TooLong => Self::PasswordTooLong,
            InvalidPassword::Nul => Self::Validation(super::schema::problem("password", super::schema::NUL)),
        }
    }
}

impl From<StoreError> for AuthApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
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

impl From<IssueError> for AuthApiError {
    fn from(error: IssueError) -> Self {
        Self::Internal(Box::new(error))
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
            SignInError::Refused(_) => Self::InvalidCredentials,
            SignInError::Hash(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}
