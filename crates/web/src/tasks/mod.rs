//! The tasks API, at `/api/{user_id}/tasks` by default.

pub(crate) mod compatibility;
mod cursor;
pub(crate) mod dto;
mod handlers;
mod list_parameters;

use std::sync::Arc;

use taskbridge_domain::services::TaskService;
use taskbridge_domain::tasks::Task;
use utoipa::OpenApi;

use self::handlers::{complete, create, delete, get, list, update};
use crate::owned_routes::{OwnedApi, OwnedRoutes, RouteMismatch};

/// The tasks API.
#[derive(Clone)]
pub struct TasksApi(pub(crate) OwnedApi);

impl TasksApi {
    /// Returns the tasks API with this service.
    ///
    /// # Errors
    /// Returns a [`RouteMismatch`] if an operation has no handler, or a handler no operation.
    pub fn new(tasks: Arc<TaskService>) -> Result<Self, RouteMismatch> {
        OwnedApi::new::<Task, _>(tasks, Operations::openapi(), routes).map(Self)
    }
}

/// Adds the handlers of the [`Operations`].
fn routes(routes: OwnedRoutes) -> OwnedRoutes {
    routes
        .on("list_tasks", list)
        .on("create_task", create)
        .on("get_task", get)
        .on("update_task", update)
        .on("complete_task", complete)
        .on("delete_task", delete)
}

#[derive(OpenApi)]
#[openapi(paths(
    handlers::list,
    handlers::create,
    handlers::get,
    handlers::update,
    handlers::complete,
    handlers::delete
))]
pub(crate) struct Operations;
