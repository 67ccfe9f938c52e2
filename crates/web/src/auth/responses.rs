//! Error responses that several operations below `/api/auth` share.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{RefOr, Response};

use super::error::{AuthApiError, AuthErrorBody};
use crate::responses::of;

/// What these errors below `/api/auth` answer, beside those that every operation there has.
pub(crate) fn auth_errors(own: impl IntoIterator<Item = AuthApiError>) -> BTreeMap<String, RefOr<Response>> {
    let too_many = AuthApiError::TooManyRequests { retry_after_seconds: 10 };
    let of_all = [
        too_many,
        AuthApiError::Unavailable("".into()),
        AuthApiError::OutcomeUnknown("".into()),
        AuthApiError::Internal("".into()),
    ];
    of::<_, AuthErrorBody>(own.into_iter().chain(of_all))
}

/// What these errors below `/api/auth` answer, beside those that every operation there has that changes something.
pub(crate) fn auth_request_errors<const N: usize>(own: [AuthApiError; N]) -> BTreeMap<String, RefOr<Response>> {
    let of_bodies = [
        AuthApiError::InvalidJson,
        AuthApiError::MissingOrigin,
        AuthApiError::InvalidOrigin,
        AuthApiError::BodyLate,
        AuthApiError::BodyTooLarge,
        AuthApiError::MediaType { sent: "text/plain".into(), allowed: "application/json" },
    ];
    auth_errors(own.into_iter().chain(of_bodies))
}

/// What every operation below `/api/auth` may answer, and no more.
pub(crate) struct AuthErrors;

impl IntoResponses for AuthErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        auth_errors([])
    }
}
