//! The OpenAPI document: its frame, and what several operations have in common. The operations stand at their handlers.

use std::collections::BTreeMap;

use actix_web::ResponseError;
use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use serde_json::Value;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem, PathsMap};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema, Type};
use utoipa::{IntoResponses, OpenApi as _, ToSchema};

use crate::AuthServer;
use crate::auth::{self, AuthApiError, AuthErrorBody};
use crate::error::{ApiError, Challenge, ErrorBody, InvalidBody};
use crate::health;
use crate::tasks::compatibility::Compatibility;
use crate::tasks::{self, TasksMount};

const JSON: &str = "application/json";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Taskbridge",
        description = "Tasks that nobody but their owner can reach, for the users of Better Auth.\n\n\
            Answers come in this order: 401 without a valid token, 403 on another user's path, 404 for an id that is \
            no integer, 400, 408, 413, 415 and 422 for the query and the body, and 404 for a task that is not there, which reads \
            the same as one that is somebody else's. A method that a path does not know is 405 with `Allow`. Below \
            `/api/auth` it is as in Better Auth: what is not known there, methods included, is 404 without a body. A head \
            with too much in it is 431 everywhere."
    ),
    tags(
        (name = "tasks", description = "What a user has to do."),
        (name = "auth", description = "Better Auth's protocol."),
        (name = "health", description = "For load balancers.")
    ),
    components(schemas(ErrorBody, InvalidBody, AuthErrorBody))
)]
struct Frame;

/// The document of all operations there are: those of an auth server if there is one.
pub(crate) fn document(server: Option<&AuthServer>, mount: &TasksMount, compatibility: Compatibility) -> OpenApi {
    let mut tasks = tasks::Operations::openapi();
    compatibility.describe(&mut tasks);
    if mount.without_user_id {
        mount_without_user_id(&mut tasks.paths.paths);
    }
    let mut document = Frame::openapi().nest(&mount.prefix, tasks).merge_from(health::Operations::openapi());
    if let Some(server) = server {
        document = document.nest("/api/auth", auth::operations(server));
    }
    document.info.license = None;
    for item in document.paths.paths.values_mut() {
        name_apart(item);
        operations(item).for_each(|(_, operation)| allow_empty_text(operation));
    }
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("jwt", bearer("A JWT, from `/api/auth/token` or the header `set-auth-jwt`.", "JWT"));
    if let Some(AuthServer { cookies, .. }) = server {
        components.add_security_scheme("session_token", bearer("The session token of a sign-in.", "opaque"));
        let cookie = ApiKeyValue::with_description(cookies.session_cookie().as_str(), "The cookie of a sign-in.");
        components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
    document
}

fn bearer(description: &str, format: &str) -> SecurityScheme {
    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(description));
    SecurityScheme::Http(scheme.build())
}

/// The operations of a path, with their methods.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The same operations once more, on paths that name no user: those are nobody else's.
fn mount_without_user_id(paths: &mut PathsMap<String, PathItem>) {
    for (path, mut item) in paths.clone() {
        for (_, operation) in operations(&mut item) {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_of_caller"));
            operation.parameters = operation.parameters.take().map(|parameters| {
                parameters
                    .into_iter()
                    .filter(|parameter| !matches!(parameter, RefOr::T(parameter) if parameter.name == "user_id"))
                    .collect()
            });
            operation.responses.responses.remove(StatusCode::FORBIDDEN.as_str());
        }
        paths.insert(path.replace("/{user_id}", ""), item);
    }
}

/// An operation that answers to two methods is two operations, each with an id of its own.
fn name_apart(item: &mut PathItem) {
    let ids: Vec<_> = operations(item).map(|(_, operation)| operation.operation_id.clone()).collect();
    for (method, operation) in operations(item) {
        if ids.iter().filter(|id| **id == operation.operation_id).count() > 1 {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_by_{method}"));
        }
    }
}

/// Adds the empty string to a body that may be left out, where it counts as no body, as `null` does.
fn allow_empty_text(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(Content { schema: Some(RefOr::T(Schema::OneOf(either))), .. }) = content {
            let empty = Object::builder().schema_type(Type::String).enum_values(Some([""]));
            either.items.push(empty.build().into());
        }
    }
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

/// What these errors answer, by status, as it really is: bodies and headers are taken from the answers.
fn of<E: ResponseError, B: ToSchema>(errors: impl IntoIterator<Item = E>) -> BTreeMap<String, RefOr<Response>> {
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
