//! Error responses of the operations below `/api/auth`, for the OpenAPI document.

use std::collections::BTreeMap;

use serde_json::Map;
use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use super::error::{AuthApiError, AuthErrorBody, CALLBACK};
use super::extract::body::invalid_fields;
use crate::extract::field::{RequestFields, parse_fields};
use crate::refusal_cause::RefusalCause;
use crate::responses::of;

/// Declares a type with the error responses of an operation. The errors that every operation below `/api/auth` has need
/// not be listed: they are added.
macro_rules! error_responses {
    ($name:ident: $($errors:expr),+) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                $crate::auth::responses::of_operation(std::iter::empty()$(.chain($errors))+)
            }
        }
    };
}
pub(crate) use error_responses;

/// Returns the responses for `errors`, and for the errors that every operation below `/api/auth` has.
pub(crate) fn of_operation(errors: impl Iterator<Item = AuthApiError>) -> BTreeMap<String, RefOr<Response>> {
    let common = [
        AuthApiError::TooManyRequests { cause: RefusalCause::RateLimited, retry_after_seconds: 10 },
        AuthApiError::Unavailable(RefusalCause::DatabaseUnavailable, "".into()),
        AuthApiError::OutcomeUnknown(RefusalCause::WriteOutcomeUnknown, "".into()),
        AuthApiError::Internal("".into()),
    ];
    of::<_, AuthErrorBody>(errors.chain(common))
}

/// The error responses that every operation below `/api/auth` has.
pub(crate) struct CommonErrors;

impl IntoResponses for CommonErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of_operation(std::iter::empty())
    }
}

/// Returns the errors of an operation that needs a session.
pub(crate) fn session_errors() -> [AuthApiError; 2] {
    [AuthApiError::Unauthorized { cause: RefusalCause::NoSession, clear: Vec::new() }, AuthApiError::Banned]
}

/// Returns the errors of an operation that reads a body.
pub(crate) fn body_errors() -> [AuthApiError; 7] {
    [
        AuthApiError::InvalidJson,
        AuthApiError::MissingOrigin,
        AuthApiError::InvalidOrigin,
        AuthApiError::InvalidTarget(&CALLBACK),
        AuthApiError::BodyLate,
        AuthApiError::BodyTooLarge,
        AuthApiError::MediaType { sent: "text/plain".into(), allowed: "application/json" },
    ]
}

/// Returns an example of a validation error: the error for an empty object or, if no field is required, the error for a
/// body that is not an object.
pub(crate) fn validation_error<T: RequestFields>() -> [AuthApiError; 1] {
    let not_an_object = || AuthApiError::Validation("[body] Invalid input: expected object, received null".into());
    [parse_fields::<T>(Map::new()).map_or_else(invalid_fields, |_valid| not_an_object())]
}
