//! Responses that several operations of the OpenAPI document share.

use std::collections::BTreeMap;

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use actix_web::http::header::CONTENT_TYPE;
use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{Object, Ref, RefOr, Response, ResponseBuilder, Type};
use utoipa::{IntoResponses, ToSchema};

use crate::error::{ApiError, Challenge, ErrorBody, InvalidBody};

const JSON: &str = "application/json";

/// The operations of a path, with their methods.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// What the guard of a user's tasks answers, and whatever asks the store.
pub(crate) struct OwnerErrors;

impl IntoResponses for OwnerErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let unauthenticated = [Challenge::NoToken, Challenge::Invalid("".into())].map(ApiError::unauthenticated);
        let [none, invalid] = unauthenticated;
        of::<_, ErrorBody>([
            none,
            invalid,
            ApiError::Forbidden,
            unavailable(),
            ApiError::OutcomeUnknown("".into()),
            ApiError::Internal("".into()),
        ])
    }
}

/// What the store answers when there is no guard.
pub(crate) struct StoreErrors;

impl IntoResponses for StoreErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of::<_, ErrorBody>([unavailable(), ApiError::Internal("".into())])
    }
}

/// The task is not there.
pub(crate) struct NoTask;

impl IntoResponses for NoTask {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        of::<_, ErrorBody>([ApiError::TaskNotFound])
    }
}

/// The query is not as it should be.
pub(crate) struct QueryErrors;

impl IntoResponses for QueryErrors {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let limit = ApiError::invalid(vec!["query", "limit"], "int_range", "must be a number from 1 to 1000");
        of::<_, InvalidBody>([limit])
    }
}

/// The body is not as it should be.
pub(crate) struct BodyErrors;

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
    ApiError::Unavailable("".into())
}

/// What these errors answer, by status, as it really is: bodies and headers are taken from the answers.
pub(crate) fn of<E: ResponseError, B: ToSchema>(
    errors: impl IntoIterator<Item = E>,
) -> BTreeMap<String, RefOr<Response>> {
    let mut responses: BTreeMap<String, Response> = BTreeMap::new();
    for error in errors {
        let answer = error.error_response();
        let status = answer.status();
        let response = responses.entry(status.as_str().to_owned()).or_insert_with(|| {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(B::name())));
            let response = ResponseBuilder::new().content(JSON, content.build());
            response.description(status.canonical_reason().unwrap_or_default()).build()
        });
        for name in answer.headers().keys().filter(|name| **name != CONTENT_TYPE) {
            response.headers.insert(name.to_string(), header().into());
        }
        let body = answer.into_body().try_into_bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let (Some(RefOr::T(content)), Some(code)) = (response.content.get_mut(JSON), body["code"].as_str()) {
            let example = ExampleBuilder::new().value(Some(body.clone())).build();
            content.examples.insert(code.to_owned(), example.into());
        }
    }
    responses.into_iter().map(|(status, response)| (status, response.into())).collect()
}

/// A header that is always there. The type has no field for that; it becomes one.
fn header() -> Header {
    let required = Extensions::from_iter([("required", true)]);
    HeaderBuilder::new().schema(Some(Object::with_type(Type::String))).extensions(Some(required)).build()
}
