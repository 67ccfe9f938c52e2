//! The task whose id is in the path.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use taskbridge_domain::tasks::TaskId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{KnownFormat, Object, SchemaFormat, Type};

use crate::error::ApiError;
use crate::json_schema::path_parameter;

/// The id of a task, from the part `{task_id}` of the path.
///
/// # Errors
/// Returns a 404 if the id is not a 64-bit integer, because no task can have such an id.
pub(super) struct PathTask(pub(super) TaskId);

impl FromRequest for PathTask {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("task_id").and_then(TaskId::parse);
        ready(id.map(Self).ok_or(ApiError::TaskNotFound))
    }
}

impl IntoParams for PathTask {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let int64 = Some(SchemaFormat::KnownFormat(KnownFormat::Int64));
        vec![path_parameter(
            "task_id",
            "The id of the task.",
            Object::builder().schema_type(Type::Integer).format(int64),
        )]
    }
}
