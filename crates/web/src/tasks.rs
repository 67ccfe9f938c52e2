//! `/api/{user_id}/tasks`.

use actix_web::dev::Payload;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use taskbridge_domain::services::TaskService;
use taskbridge_domain::task::{Limit, NewTask, TaskId, TaskPatch, TaskQuery};
use utoipa::OpenApi;

use crate::body::{JsonBody, OptionalJsonBody};
use crate::dto::params::{ListParams, TaskPath, TasksPath};
use crate::dto::task::{CompleteTask, CreateTask, TaskResponse, UpdateTask};
use crate::error::{ApiError, not_allowed};
use crate::guard::{Guarded, PathOwner};
use crate::openapi::{BodyErrors, NoTask, OwnerErrors, QueryErrors};

/// A trailing slash is served in place: a redirect would lose the body in many clients.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource(["/api/{user_id}/tasks", "/api/{user_id}/tasks/"])
                .get(list)
                .post(create)
                .default_service(web::to(|| async { not_allowed("GET, POST") })),
        )
        .service(
            web::resource(["/api/{user_id}/tasks/{task_id}", "/api/{user_id}/tasks/{task_id}/"])
                .get(show)
                .put(update)
                .patch(update)
                .delete(remove)
                .default_service(web::to(|| async { not_allowed("GET, PUT, PATCH, DELETE") })),
        )
        .service(
            web::resource(["/api/{user_id}/tasks/{task_id}/complete", "/api/{user_id}/tasks/{task_id}/complete/"])
                .patch(complete)
                .post(complete)
                .default_service(web::to(|| async { not_allowed("PATCH, POST") })),
        );
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, update, complete, remove))]
pub(crate) struct Operations;

/// The tasks of a user.
///
/// **Access:** the owner. 200 with an array, newest first.
#[utoipa::path(
    get, path = "/{user_id}/tasks", operation_id = "list_tasks", tag = "tasks", security(("jwt" = [])),
    params(TasksPath, ListParams),
    responses((status = 200, description = "The tasks.", body = Vec<TaskResponse>), OwnerErrors, QueryErrors)
)]
async fn list(
    Guarded(PathOwner(owner), ListQuery(query)): Guarded<PathOwner, ListQuery>,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    let list = tasks.list(&owner, &query).await?;
    Ok(HttpResponse::Ok().json(list.into_iter().map(TaskResponse::from).collect::<Vec<_>>()))
}

/// Add a task.
///
/// **Access:** the owner. 201 with the task.
#[utoipa::path(
    post, path = "/{user_id}/tasks", operation_id = "create_task", tag = "tasks", security(("jwt" = [])),
    params(TasksPath), request_body = CreateTask,
    responses((status = 201, description = "The new task.", body = TaskResponse), OwnerErrors, BodyErrors)
)]
async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateTask>>,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.add(&owner, NewTask::try_from(new)?).await?;
    Ok(HttpResponse::Created().json(TaskResponse::from(task)))
}

/// One task.
///
/// **Access:** the owner. 200 with the task.
#[utoipa::path(
    get, path = "/{user_id}/tasks/{task_id}", operation_id = "get_task", tag = "tasks", security(("jwt" = [])),
    params(TaskPath),
    responses((status = 200, description = "The task.", body = TaskResponse), OwnerErrors, NoTask)
)]
async fn show(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.get(&owner, id).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::from(task)))
}

/// Change a task.
///
/// **Access:** the owner. 200 with the task; what the body does not name stays as it is.
#[utoipa::path(
    method(put, patch), path = "/{user_id}/tasks/{task_id}", operation_id = "update_task", tag = "tasks",
    security(("jwt" = [])), params(TaskPath), request_body = UpdateTask,
    responses((status = 200, description = "The task as it is now.", body = TaskResponse), OwnerErrors, NoTask, BodyErrors)
)]
async fn update(
    Guarded(PathOwner(owner), Guarded(PathTask(id), JsonBody(change))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<UpdateTask>>,
    >,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.update(&owner, id, TaskPatch::try_from(change)?).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::from(task)))
}

/// Say whether a task is done.
///
/// **Access:** the owner. 200 with the task; without a body, or without `completed` in it, it is turned round.
#[utoipa::path(
    method(patch, post), path = "/{user_id}/tasks/{task_id}/complete", operation_id = "complete_task", tag = "tasks",
    security(("jwt" = [])), params(TaskPath), request_body = Option<CompleteTask>,
    responses((status = 200, description = "The task as it is now.", body = TaskResponse), OwnerErrors, NoTask, BodyErrors)
)]
async fn complete(
    Guarded(PathOwner(owner), Guarded(PathTask(id), OptionalJsonBody(body))): Guarded<
        PathOwner,
        Guarded<PathTask, OptionalJsonBody<CompleteTask>>,
    >,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    let completed = body.map_or(Ok(None), Option::<bool>::try_from)?;
    let task = tasks.complete(&owner, id, completed).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::from(task)))
}

/// Remove a task.
///
/// **Access:** the owner. 204.
#[utoipa::path(
    delete, path = "/{user_id}/tasks/{task_id}", operation_id = "delete_task", tag = "tasks", security(("jwt" = [])),
    params(TaskPath), responses((status = 204, description = "The task is gone."), OwnerErrors, NoTask)
)]
async fn remove(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
) -> Result<HttpResponse, ApiError> {
    tasks.remove(&owner, id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The task that the path names as `{task_id}`. What is no 64-bit integer is 404, as any task that is not there.
struct PathTask(TaskId);

impl FromRequest for PathTask {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("task_id").and_then(TaskId::parse);
        std::future::ready(id.map(Self).ok_or(ApiError::TaskNotFound))
    }
}

/// `?limit=`: a number from 1 to 1,000. Of several the last counts; other parameters are ignored.
struct ListQuery(TaskQuery);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(list_query(request.query_string()).map(Self))
    }
}

fn list_query(query: &str) -> Result<TaskQuery, ApiError> {
    let invalid = || ApiError::invalid(vec!["query", "limit"], "int_range", "must be a number from 1 to 1000");
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query).map_err(|_malformed| invalid())?;
    let given = pairs.iter().rfind(|(name, _)| name == "limit");
    let limit = given.map(|(_, value)| value.parse().ok().and_then(Limit::new).ok_or_else(invalid)).transpose()?;
    Ok(TaskQuery { limit: limit.unwrap_or_default() })
}
