//! The operations on tasks.

use actix_web::HttpResponse;
use actix_web::http::header::LINK;
use actix_web::web::Data;
use taskbridge_domain::services::{self, TaskService, TotalCount};

use super::compatibility::Compatibility;
use super::dto::{CompleteTask, CreateTask, Message, TaskList, TaskResponse, UpdateTask};
use super::path::PathTask;
use super::query::ListQuery;
use crate::body::{JsonBody, OptionalJsonBody};
use crate::error::ApiError;
use crate::extract::field::validated;
use crate::extract::guard::{Guarded, PathOwner};
use crate::responses::{BodyErrors, NoTask, OwnerErrors, QueryErrors};

/// How many tasks the whole list has, whatever part of it is in the answer.
const X_TOTAL_COUNT: &str = "X-Total-Count";

/// The tasks of a user.
///
/// **Access:** the owner. 200 with an array, newest first unless asked for otherwise. `Link` leads to the rest, if there
/// is more; `X-Total-Count` is there when the list is whole, and always with `count=true`.
#[utoipa::path(
    get, path = "/{user_id}/tasks", operation_id = "list_tasks", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, ListQuery),
    responses(
        (status = 200, description = "The tasks.", body = Vec<TaskResponse>, headers(
            ("Link" = String, description = "Where the rest of the list begins, relative to this URL (RFC 8288)."),
            ("X-Total-Count" = u64, description = "How many tasks the whole list has, where that is known."),
        )),
        OwnerErrors, QueryErrors
    )
)]
pub(super) async fn list(
    Guarded(PathOwner(owner), ListQuery(parameters, request)): Guarded<PathOwner, ListQuery>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let total = if compatibility.list_envelope { TotalCount::Always } else { request.total };
    let services::TaskListing { tasks, next, total } = tasks.list(&owner, &request.query, total).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, parameters.link_to(&next)));
    }
    if let Some(total) = total {
        response.insert_header((X_TOTAL_COUNT, total.to_string()));
    }
    let tasks: Vec<_> = tasks.iter().map(|task| TaskResponse::new(task, **compatibility)).collect();
    Ok(match total {
        Some(total) if compatibility.list_envelope => response.json(TaskList { count: tasks.len(), total, tasks }),
        _ => response.json(tasks),
    })
}

/// Add a task.
///
/// **Access:** the owner. 201 with the task.
#[utoipa::path(
    post, path = "/{user_id}/tasks", operation_id = "create_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner), request_body = CreateTask,
    responses((status = 201, description = "The new task.", body = TaskResponse), OwnerErrors, BodyErrors)
)]
pub(super) async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateTask>>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.create(&owner, validated(new).map_err(ApiError::invalid_body)?).await?;
    Ok(HttpResponse::Created().json(TaskResponse::new(&task, **compatibility)))
}

/// One task.
///
/// **Access:** the owner. 200 with the task.
#[utoipa::path(
    get, path = "/{user_id}/tasks/{task_id}", operation_id = "get_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, PathTask),
    responses((status = 200, description = "The task.", body = TaskResponse), OwnerErrors, NoTask)
)]
pub(super) async fn show(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.get(&owner, id).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Change a task.
///
/// **Access:** the owner. 200 with the task; what the body does not name stays as it is.
#[utoipa::path(
    method(put, patch), path = "/{user_id}/tasks/{task_id}", operation_id = "update_task", tag = "tasks",
    security(("jwt" = [])), params(PathOwner, PathTask), request_body = UpdateTask,
    responses((status = 200, description = "The task as it is now.", body = TaskResponse), OwnerErrors, NoTask, BodyErrors)
)]
pub(super) async fn update(
    Guarded(PathOwner(owner), Guarded(PathTask(id), JsonBody(change))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<UpdateTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.update(&owner, id, validated(change).map_err(ApiError::invalid_body)?).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Say whether a task is done.
///
/// **Access:** the owner. 200 with the task; without a body, or without `completed` in it, `completed` is toggled. `null` and
/// `""` count as no body.
#[utoipa::path(
    method(patch, post), path = "/{user_id}/tasks/{task_id}/complete", operation_id = "complete_task", tag = "tasks",
    security(("jwt" = [])), params(PathOwner, PathTask), request_body = Option<CompleteTask>,
    responses((status = 200, description = "The task as it is now.", body = TaskResponse), OwnerErrors, NoTask, BodyErrors)
)]
pub(super) async fn complete(
    Guarded(PathOwner(owner), Guarded(PathTask(id), OptionalJsonBody(body))): Guarded<
        PathOwner,
        Guarded<PathTask, OptionalJsonBody<CompleteTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let completed = body.map_or(Ok(None), validated).map_err(ApiError::invalid_body)?;
    let task = tasks.complete(&owner, id, completed).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Remove a task.
///
/// **Access:** the owner. 204, or 200 with a message for clients that want one.
#[utoipa::path(
    delete, path = "/{user_id}/tasks/{task_id}", operation_id = "delete_task", tag = "tasks", security(("jwt" = [])),
    params(PathOwner, PathTask), responses((status = 204, description = "The task is gone."), OwnerErrors, NoTask)
)]
pub(super) async fn remove(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
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
