//! `/api/{user_id}/tasks`, or wherever the tasks are mounted.

use actix_web::dev::Payload;
use actix_web::http::header::LINK;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;
use taskbridge_domain::services::{TaskList, TaskService, Total};
use taskbridge_domain::task::{NewTask, TaskId, TaskPatch};

use crate::body::{JsonBody, OptionalJsonBody};
use crate::compatibility::Compatibility;
use crate::dto::list::{ListParameters, ListRequest};
use crate::dto::task::{CompleteTask, CreateTask, TaskListResponse, TaskResponse, UpdateTask};
use crate::error::{ApiError, not_allowed};
use crate::guard::{Guarded, OwnerFrom, PathOwner};

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

/// **Access:** the owner. 200 with an array, newest first unless asked for otherwise. `Link` leads to the rest, if there
/// is more; `X-Total-Count` is there when the list is whole, and always with `?count=true`.
async fn list(
    Guarded(PathOwner(owner), ListQuery(parameters, request)): Guarded<PathOwner, ListQuery>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let total = if compatibility.list_envelope { Total::Counted } else { request.total };
    let TaskList { tasks, next, total } = tasks.list(&owner, &request.query, total).await?;
    let mut response = HttpResponse::Ok();
    if let Some(next) = next {
        response.insert_header((LINK, parameters.link_to(&next)));
    }
    if let Some(total) = total {
        response.insert_header((X_TOTAL_COUNT, total.to_string()));
    }
    let tasks: Vec<_> = tasks.into_iter().map(|task| TaskResponse::new(task, **compatibility)).collect();
    Ok(response.json(match total {
        Some(total) if compatibility.list_envelope => TaskListResponse::Envelope { count: tasks.len(), total, tasks },
        _ => TaskListResponse::Array(tasks),
    }))
}

/// **Access:** the owner. 201 with the task.
async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateTask>>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.add(&owner, NewTask::try_from(new)?).await?;
    Ok(HttpResponse::Created().json(TaskResponse::new(task, **compatibility)))
}

/// **Access:** the owner. 200 with the task.
async fn show(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.get(&owner, id).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(task, **compatibility)))
}

/// **Access:** the owner. 200 with the task; what the body does not name stays as it is.
async fn update(
    Guarded(PathOwner(owner), Guarded(PathTask(id), JsonBody(change))): Guarded<
        PathOwner,
        Guarded<PathTask, JsonBody<UpdateTask>>,
    >,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    let task = tasks.update(&owner, id, TaskPatch::try_from(change)?).await?;
    Ok(HttpResponse::Ok().json(TaskResponse::new(task, **compatibility)))
}

/// **Access:** the owner. 200 with the task; without a body, or without `completed` in it, it is turned round.
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
    Ok(HttpResponse::Ok().json(TaskResponse::new(task, **compatibility)))
}

/// **Access:** the owner. 204, or 200 with a message for clients that want one.
async fn remove(
    Guarded(PathOwner(owner), PathTask(id)): Guarded<PathOwner, PathTask>,
    tasks: Data<TaskService>,
    compatibility: Data<Compatibility>,
) -> Result<HttpResponse, ApiError> {
    tasks.remove(&owner, id).await?;
    Ok(if compatibility.delete_message {
        HttpResponse::Ok().json(Message { message: "Task deleted" })
    } else {
        HttpResponse::NoContent().finish()
    })
}

/// What is told instead of an empty answer.
#[derive(Serialize)]
struct Message {
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
