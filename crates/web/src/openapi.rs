//! The OpenAPI document: its frame, and what several operations have in common. The operations stand at their handlers.

use actix_web::http::StatusCode;
use utoipa::OpenApi as _;
use utoipa::openapi::content::Content;
use utoipa::openapi::path::{Operation, PathItem, PathsMap};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Object, OpenApi, RefOr, Schema, Type};

use crate::auth::{self, AuthErrorBody, AuthServer};
use crate::error::{ErrorBody, InvalidBody};
use crate::health;
use crate::responses::operations;
use crate::tasks::compatibility::Compatibility;
use crate::tasks::{self, TasksMount};

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
