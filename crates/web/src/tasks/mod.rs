//! `/api/{user_id}/tasks`, or wherever the tasks are mounted.

pub(crate) mod compatibility;
mod cursor;
pub(crate) mod dto;
pub(crate) mod parameters;
pub(crate) mod query;

use actix_web::dev::Payload;
use actix_web::http::header::LINK;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;
use taskbridge_domain::services::{self, TaskService, TotalCount};
use taskbridge_domain::tasks::{NewTask, TaskId, TaskPatch};
use utoipa::{OpenApi, ToSchema};

use crate::body::{JsonBody, OptionalJsonBody};
use crate::error::{ApiError, not_allowed};
use crate::extract::guard::{Guarded, OwnerFrom, PathOwner};
use crate::openapi::{BodyErrors, NoTask, OwnerErrors, QueryErrors};
use crate::tasks::compatibility::Compatibility;
use crate::tasks::dto::{CompleteTask, CreateTask, TaskList, TaskResponse, UpdateTask};
use crate::tasks::parameters::{ListParams, TaskPath, TasksPath};
use crate::tasks::query::{ListParameters, ListRequest};

/// How many tasks the whole list has, whatever part of it is in the answer.
const X_TOTAL_COUNT: &str = "X-Total-Count";

/// Where the tasks are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TasksMount {
    /// What comes before `/{user_id}/tasks`: nothing, or segments that each begin with a slash.
    pub prefix: String,
    /// Whether they are at `<prefix>/tasks`, too, where the owner is the caller.
    pub without_user_id: bool,
}

impl TasksMount {
    pub(crate) fn routes(self, config: &mut ServiceConfig) {
        let Self { prefix, without_user_id } = self;
        mount(config, &format!("{prefix}/{{user_id}}/tasks"), OwnerFrom::Path);
        if without_user_id {
            mount(config, &format!("{prefix}/tasks"), OwnerFrom::Token);
        }
    }
}

/// A trailing slash is served in place: a redirect would lose the body in many clients.
fn mount(config: &mut ServiceConfig, base: &str, owner: OwnerFrom) {
    let resource = |path: &str| web::resource([format!("{base}{path}"), format!("{base}{path}/")]).app_data(owner);
    config
        .service(resource("").get(list).head(list).post(create).default_service(not_allowed("GET, HEAD, POST")))
        .service(
            resource("/{task_id}")
                .get(show)
                .head(show)
                .put(update)
                .patch(update)
                .delete(remove)
                .default_service(not_allowed("GET, HEAD, PUT, PATCH, DELETE")),
        )
        .service(
            resource("/{task_id}/complete").patch(complete).post(complete).default_service(not_allowed("PATCH, POST")),
        );
}

#[derive(OpenApi)]
#[openapi(paths(list, create, show, update, complete, remove))]
pub(crate) struct Operations;

/// The tasks of a user.
///
/// **Access:** the owner. 200 with an array, newest first unless asked for otherwise. `Link` leads to the rest, if there
/// is more; `X-Total-Count` is there when the list is whole, and always with `count=true`.
#[utoipa::path(
    get, path = "/{user_id}/tasks", operation_id = "list_tasks", tag = "tasks", security(("jwt" = [])),
    params(TasksPath, ListParams),
    responses(
        (status = 200, description = "The tasks.", body = Vec<TaskResponse>, headers(
            ("Link" = String, description = "Where the rest of the list begins, relative to this URL (RFC 8288)."),
            ("X-Total-Count" = u64, description = "How many tasks the whole list has, where that is known."),
        )),
        OwnerErrors, QueryErrors
    )
)]
async fn list(
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
    params(TasksPath), request_body = CreateTask,
    responses((status = 201, description = "The new task.", body = TaskResponse), OwnerErrors, BodyErrors)
)]
async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateTask>>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.create(&owner, NewTask::try_from(new)?).await?;
    Ok(HttpResponse::Created().json(TaskResponse::new(&task, **compatibility)))
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
    security(("jwt" = [])), params(TaskPath), request_body = UpdateTask,
    responses((status = 200, description = "The task as it is now.", body = TaskResponse), OwnerErrors, NoTask, BodyErrors)
)]
async fn update(
    Guarded(PathOwner(owner), Guarded(PathTask(id), JsonBody(change))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<UpdateTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.update(&owner, id, TaskPatch::try_from(change)?).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Say whether a task is done.
///
/// **Access:** the owner. 200 with the task; without a body, or without `completed` in it, `completed` is toggled. `null` and
/// `""` count as no body.
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
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let completed = body.map_or(Ok(None), Option::<bool>::try_from)?;
    let task = tasks.complete(&owner, id, completed).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(&task, **compatibility)))
}

/// Remove a task.
///
/// **Access:** the owner. 204, or 200 with a message for clients that want one.
#[utoipa::path(
    delete, path = "/{user_id}/tasks/{task_id}", operation_id = "delete_task", tag = "tasks", security(("jwt" = [])),
    params(TaskPath), responses((status = 204, description = "The task is gone."), OwnerErrors, NoTask)
)]
async fn remove(
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

/// What is told instead of an empty answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    message: &'static str,
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

/// What the query asks for, and the parameters it was read from.
struct ListQuery(ListParameters, ListRequest);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = ListParameters::parse(request.query_string());
        std::future::ready(parameters.request().map(|request| Self(parameters, request)))
    }
}
