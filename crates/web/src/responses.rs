//! Parts of responses that several operations share, and their descriptions in the OpenAPI document.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use actix_web::http::header::CONTENT_TYPE;
use serde::Serializer;
use serde_json::Value;
use taskbridge_domain::Timestamp;
use taskbridge_domain::owned::OwnedResource;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::{Object, Ref, RefOr, Response, ResponseBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

use crate::error::{ApiError, Challenge, ErrorBody, InvalidBody};
use crate::refusal_cause::RefusalCause;

/// Serializes a time as text: `#[serde(serialize_with = "timestamp")]`.
///
/// # Errors
/// Returns the errors of the serializer.
pub fn timestamp<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

const JSON: &str = "application/json";

/// The error responses of every operation on resources `R` of users.
pub struct OwnerErrors<R>(PhantomData<R>);

impl<R: OwnedResource> IntoResponses for OwnerErrors<R> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let unauthenticated =
            [Challenge::NoToken, Challenge::Invalid(RefusalCause::Expired, "".into())].map(ApiError::unauthenticated);
        let [none, invalid] = unauthenticated;
        of::<_, ErrorBody>([
            none,
            invalid,
            ApiError::Forbidden(R::NAME),
            ApiError::TooManyRequests { retry_after_seconds: 60 },
            unavailable(),
            ApiError::OutcomeUnknown(RefusalCause::WriteOutcomeUnknown, "".into()),
            ApiError::Internal("".into()),
        ])
    }
}

/// The error responses of the readiness check.
pub(crate) struct ReadinessErrors;

impl IntoResponses for ReadinessErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of::<_, ErrorBody>([unavailable(), ApiError::Internal("".into())])
    }
}

/// The response if the resource does not exist.
pub struct NotFound<R>(PhantomData<R>);

impl<R: OwnedResource> IntoResponses for NotFound<R> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of::<_, ErrorBody>([ApiError::NotFound(R::NAME)])
    }
}

/// The response if the owner has the maximum number of resources.
pub struct LimitError<R>(PhantomData<R>);

impl<R: OwnedResource> IntoResponses for LimitError<R> {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of::<_, ErrorBody>([ApiError::LimitReached(R::NAME)])
    }
}

/// The response to an invalid query.
pub struct QueryErrors;

impl IntoResponses for QueryErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let limit = ApiError::invalid(vec!["query", "limit"], "int_range", "must be a number from 1 to 1000");
        of::<_, InvalidBody>([limit])
    }
}

/// The responses to an invalid body.
pub struct BodyErrors;

impl IntoResponses for BodyErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let framing = [ApiError::BodyMalformed, ApiError::BodyLate, ApiError::BodyTooLarge, ApiError::NotJson];
        let mut responses = of::<_, ErrorBody>(framing);
        let title = ApiError::invalid(vec!["body", "title"], "string_type", "Input should be a valid string");
        responses.extend(of::<_, InvalidBody>([title]));
        responses
    }
}

fn unavailable() -> ApiError {
    ApiError::Unavailable(RefusalCause::DatabaseUnavailable, "".into())
}

/// Describes the responses to requests that fail with `errors`, by status. The examples and headers are taken from the
/// responses that the API sends for these errors.
pub(crate) fn of<E: ResponseError, B: ToSchema>(
    errors: impl IntoIterator<Item = E>,
) -> BTreeMap<String, RefOr<Response>> {
    let mut responses: BTreeMap<String, Response> = BTreeMap::new();
    for error in errors {
        let real = error.error_response();
        let status = real.status();
        let response = responses.entry(status.as_str().to_owned()).or_insert_with(|| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(B::name())));
            let response = ResponseBuilder::new().content(JSON, content.build());
            response.description(status.canonical_reason().unwrap_or_default()).build()
        });
        for name in real.headers().keys().filter(|name| **name != CONTENT_TYPE) {
            response.headers.insert(name.to_string(), header().into());
        }
        let body = real.into_body().try_into_bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let (Some(RefOr::T(content)), Some(code)) = (response.content.get_mut(JSON), body["code"].as_str()) {
            let example = ExampleBuilder::new().value(Some(body.clone())).build();
            content.examples.insert(code.to_owned(), example.into());
        }
    }
    responses.into_iter().map(|(status, response)| (status, response.into())).collect()
}

/// Describes a header that the response always has. utoipa has no field for `required`, so `required` is added as an
/// extension.
fn header() -> Header {
    let required = Extensions::from_iter([("required", true)]);
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).extensions(Some(required)).build()
}
