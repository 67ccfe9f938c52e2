//! Assembles the OpenAPI document from the operations, which are documented at their handlers.

use actix_web::http::StatusCode;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::path::{Operation, PathItem, PathsMap};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema, Type};
use utoipa::{OpenApi as _, PartialSchema, ToSchema};

use crate::auth::error::AuthErrorBody;
use crate::auth::{self, AuthServer};
use crate::error::{ErrorBody, InvalidBody};
use crate::health;
use crate::openapi_paths::{operations, without_user_id};
use crate::owned_routes::{OwnedApi, TasksMount};
use crate::tasks;
use crate::tasks::compatibility::Compatibility;
use crate::tasks::dto::{Message, TaskList};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Taskbridge",
        description = "A tasks API for apps that sign their users in with Better Auth. Only the owner of a task can \
            access it.\n\nA request to the tasks API is checked in this order. The first check that fails determines \
            the response:\n\n\
            1. 401: the request has no valid access token.\n\
            2. 403: the path contains the id of another user.\n\
            3. 404: the task id is not an integer.\n\
            4. 400, 408, 413 or 415: the body is malformed, arrives too late, is too large, is compressed, or is not \
            JSON.\n\
            5. 422: the query or the body is invalid.\n\
            6. 404: the task does not exist or belongs to another user.\n\n\
            The response to an unsupported method is 405 with the header `Allow`. Below `/api/auth`, the response to \
            an unknown path or an unsupported method is 404 without a body, as in Better Auth. On every path, the \
            response is 431 if the URL and the headers are too large."
    ),
    tags(
        (name = "tasks", description = "Create, list, update and delete tasks."),
        (name = "auth", description = "Sign up, sign in and manage sessions, compatible with Better Auth."),
        (name = "health", description = "Health checks for load balancers.")
    ),
    components(schemas(ErrorBody, InvalidBody, AuthErrorBody))
)]
struct Frame;

/// Returns the OpenAPI document of all mounted operations, including those of the auth server (`server`), if there is
/// one.
pub(crate) fn document(
    server: Option<&AuthServer>,
    mount: &TasksMount,
    compatibility: Compatibility,
    resources: &[OwnedApi],
) -> OpenApi {
    let mut tasks = tasks::Operations::openapi();
    describe(compatibility, &mut tasks);
    let mut document = Frame::openapi();
    for mut resource in [tasks].into_iter().chain(resources.iter().map(OwnedApi::document)) {
        if mount.without_user_id {
            mount_without_user_id(&mut resource.paths.paths);
        }
        document = document.nest(&mount.prefix, resource);
    }
    document = document.merge_from(health::Operations::openapi());
    if let Some(server) = server {
        document = document.nest("/api/auth", auth::operations(server));
    }
    document.info.license = None;
    for item in document.paths.paths.values_mut() {
        name_apart(item);
        operations(item).for_each(|(_, operation)| allow_empty_text(operation));
    }
    let components = document.components.get_or_insert_default();
    components.schemas.values_mut().for_each(remove_null_defaults);
    components.add_security_scheme(
        "jwt",
        bearer("An access token from `/api/auth/token` or the header `set-auth-jwt`.", "JWT"),
    );
    if let Some(AuthServer { cookies, .. }) = server {
        components.add_security_scheme("session_token", bearer("A session token from a sign-in.", "opaque"));
        let cookie =
            ApiKeyValue::with_description(cookies.session_cookie().as_str(), "The session cookie from a sign-in.");
        components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
    document
}

fn bearer(description: &str, format: &str) -> SecurityScheme {
    let scheme = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(description));
    SecurityScheme::Http(scheme.build())
}

/// Adds each operation a second time at its path without `{user_id}`. At that path, it uses the tasks of the caller.
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
        paths.insert(without_user_id(&path), item);
    }
}

/// Appends the method to the ids of operations that have the same id, because operation ids must be unique.
fn name_apart(item: &mut PathItem) {
    let ids: Vec<_> = operations(item).map(|(_, operation)| operation.operation_id.clone()).collect();
    for (method, operation) in operations(item) {
        if ids.iter().filter(|id| **id == operation.operation_id).count() > 1 {
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}_by_{method}"));
        }
    }
}

/// Adds the empty string to the schema of a request body if the body is optional: the API treats `""`, like `null`, as
/// no body.
fn allow_empty_text(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(Content { schema: Some(RefOr::T(Schema::OneOf(either))), .. }) = content {
            let empty = Object::builder().schema_type(Type::String).enum_values(Some([""]));
            either.items.push(empty.build().into());
        }
    }
}

/// Removes the default `null` that utoipa adds to the properties of a request body: for most properties, `null` is not
/// a valid value, and client generators treat properties with a default as required.
fn remove_null_defaults(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(body)) = schema else { return };
    for property in body.properties.values_mut() {
        if let RefOr::T(Schema::Object(property)) = property {
            property.default.take_if(|default| default.is_null());
        }
    }
}

/// Adapts the document of the tasks API to the compatibility settings.
fn describe(compatibility: Compatibility, document: &mut OpenApi) {
    let Compatibility { list_envelope, is_completed, delete_message } = compatibility;
    let schemas = &mut document.components.get_or_insert_default().schemas;
    if list_envelope {
        schemas.insert(TaskList::name().into(), TaskList::schema());
    }
    if is_completed {
        for name in ["Task", "CreateTask", "UpdateTask", "CompleteTask"] {
            if let Some(RefOr::T(Schema::Object(task))) = schemas.get_mut(name) {
                let boolean = Object::builder().schema_type(Type::Boolean);
                let boolean =
                    boolean.description(Some("The same as `completed`. If a body has both, `completed` counts."));
                task.properties.insert("is_completed".into(), boolean.build().into());
            }
        }
    }
    if delete_message {
        schemas.insert(Message::name().into(), Message::schema());
    }
    for (method, operation) in document.paths.paths.values_mut().flat_map(operations) {
        let responses = &mut operation.responses.responses;
        if delete_message && method == "delete" && responses.remove("204").is_some() {
            responses
                .insert("200".into(), json_response("The task has been deleted.", Message::name().as_ref()).into());
        }
        if let (true, Some("list_tasks"), Some(RefOr::T(list))) =
            (list_envelope, operation.operation_id.as_deref(), responses.get_mut("200"))
        {
            list.content = json_response("", TaskList::name().as_ref()).content;
        }
    }
}

fn json_response(description: &str, schema: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}
