//! The operations on tasks.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentType, LINK};
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::services::{TaskListing, TaskService, TotalCount};
use taskbridge_domain::tasks::Task;

use super::compatibility::Compatibility;
use super::cursor;
use super::dto::{CompleteTask, CreateTask, Message, TaskList, TaskResponse, UpdateTask};
use super::list_parameters::ListParameters;
use crate::error::ApiError;
use crate::extract::guard::{Guarded, PathOwner};
use crate::extract::json_body::JsonBody;
use crate::extract::path_id::PathId;
use crate::extract::query::ListQuery;
use crate::responses::{BodyErrors, LimitError, NotFound, OwnerErrors, QueryErrors};

type TaskQuery = ListQuery<ListParameters>;
type PathTask = PathId<Task>;
type NoTask = NotFound<Task>;
type TaskLimit = LimitError<Task>;
type AccessErrors = OwnerErrors<Task>;

/// The header with the number of tasks that match the filters, on all pages.
const X_TOTAL_COUNT: &str = "X-Total-Count";

/// List tasks.
///
/// **Access:** the owner. Returns an array of tasks, newest first unless `sort` or `order` says otherwise. If there is
/// another page, the header `Link` contains its URL.
#[utoipa::path(
    get, path = "/{user_id}/tasks", operation_id = "list_tasks", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, TaskQuery),
    responses(
        (status = 200, description = "The tasks.", body = Vec<TaskResponse>, headers(
            ("Link" = String, description = "A link to the next page, relative to the URL of the request (RFC 8288)."),
            (
                "X-Total-Count" = u64,
                description = "The number of tasks that match the filters, on all pages. Absent if they were not \
                    counted: see the parameter `count`."
            ),
        )),
        AccessErrors, QueryErrors
    )
)]
pub(super) async fn list(
    Guarded(PathOwner(owner), ListQuery(parameters, request)): Guarded<PathOwner, TaskQuery>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let total = if compatibility.list_envelope { TotalCount::Always } else { request.total };
    let TaskListing { tasks, next, total } = tasks.list(&owner, &request.query, total).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, parameters.link_to(&cursor::encode(&next))));
    }
    if let Some(total) = total {
        response.insert_header((X_TOTAL_COUNT, total.to_string()));
    }
    let tasks: Vec<_> = tasks.iter().map(|task| TaskResponse::new(task, **compatibility)).collect();
    let size = tasks.iter().map(TaskResponse::estimated_size).sum();
    let body = match total {
        Some(total) if compatibility.list_envelope => json(size, &TaskList { count: tasks.len(), total, tasks }),
        _ => json(size, &tasks),
    };
    Ok(response.content_type(ContentType::json()).body(body?))
}

/// Returns the value as JSON, in a buffer of the estimated size. A buffer that grows step by step is copied several
/// times, and is up to twice as large as necessary.
fn json(estimated_size: usize, value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::with_capacity(estimated_size);
    serde_json::to_writer(&mut body, value).map_err(|error| ApiError::Internal(error.into()))?;
    if body.capacity() > estimated_size {
        body.shrink_to_fit();
    }
    Ok(body)
}

/// Create a task.
///
/// **Access:** the owner.
#[utoipa::path(
    post, path = "/{user_id}/tasks", operation_id = "create_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner), request_body = CreateTask,
    responses(
        (status = 201, description = "The task has been created.", body = TaskResponse), AccessErrors, BodyErrors,
        TaskLimit
    )
)]
pub(super) async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateTask>>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.create(&owner, new).await?;
    Ok(HttpResponse::Created().json(TaskResponse::new(&task, **compatibility)))
}

/// Get a task.
///
/// **Access:** the owner.
#[utoipa::path(
    get, path = "/{user_id}/tasks/{task_id}", operation_id = "get_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, PathTask),
    responses((status = 200, description = "The task.", body = TaskResponse), AccessErrors, NoTask)
)]
pub(super) async fn get(
    Guarded(PathOwner(owner), PathId(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.get(&owner, id).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Update a task.
///
/// **Access:** the owner. Absent fields keep their values.
#[utoipa::path(
    method(put, patch), path = "/{user_id}/tasks/{task_id}", operation_id = "update_task", tag = "tasks",
    security(("jwt" = [])), params(PathOwner, PathTask), request_body = UpdateTask,
    responses((status = 200, description = "The updated task.", body = TaskResponse), AccessErrors, NoTask, BodyErrors)
)]
pub(super) async fn update(
    Guarded(PathOwner(owner), Guarded(PathId(id), JsonBody(patch))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<UpdateTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.update(&owner, id, patch).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Set or toggle the completion of a task.
///
/// **Access:** the owner. Sets `completed` to the value in the body. If the body or the field is absent, the task's
/// value is toggled. The bodies `null` and `""` count as absent.
#[utoipa::path(
    method(patch, post), path = "/{user_id}/tasks/{task_id}/complete", operation_id = "complete_task", tag = "tasks",
    security(("jwt" = [])), params(PathOwner, PathTask), request_body = Option<CompleteTask>,
    responses((status = 200, description = "The updated task.", body = TaskResponse), AccessErrors, NoTask, BodyErrors)
)]
pub(super) async fn complete(
    Guarded(PathOwner(owner), Guarded(PathId(id), JsonBody(completed))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<CompleteTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.complete(&owner, id, completed).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Delete a task.
///
/// **Access:** the owner.
#[utoipa::path(
    delete, path = "/{user_id}/tasks/{task_id}", operation_id = "delete_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, PathTask),
    responses((status = 204, description = "The task has been deleted."), AccessErrors, NoTask)
)]
pub(super) async fn delete(
    Guarded(PathOwner(owner), PathId(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    tasks.delete(&owner, id).await?;
    Ok(if compatibility.delete_message {
        HttpResponse::Ok().json(Message { message: "Task deleted" })
    } else {
        HttpResponse::NoContent().finish()
    })
}
