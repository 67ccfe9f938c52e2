//! The tasks API, at `/api/{user_id}/tasks` by default.

pub(crate) mod compatibility;
mod cursor;
pub(crate) mod dto;
mod handlers;
mod json_body;
mod list_parameters;
mod path;
mod query;

use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use utoipa::OpenApi;

use self::handlers::{complete, create, delete, get, list, update};
use crate::extract::guard::OwnerFrom;
use crate::owned_routes::OwnedRoutes;

/// The paths of the tasks API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TasksMount {
    /// The path before `/{user_id}/tasks`: empty, or segments that each begin with a slash.
    pub prefix: String,
    /// Whether the tasks of the caller are also available at `<prefix>/tasks`.
    pub without_user_id: bool,
}

impl TasksMount {
    pub(crate) fn routes(self, config: &mut ServiceConfig) {
        let Self { prefix, without_user_id } = self;
        operations().mount(config, &format!("{prefix}/{{user_id}}/tasks"), OwnerFrom::Path);
        if without_user_id {
            operations().mount(config, &format!("{prefix}/tasks"), OwnerFrom::Token);
        }
    }
}

/// Returns the operations, with the paths after `/{user_id}/tasks`. [`Operations`] documents the same.
fn operations() -> OwnedRoutes {
    OwnedRoutes::default()
        .on([Method::GET], "", list)
        .on([Method::POST], "", create)
        .on([Method::GET], "/{task_id}", get)
        .on([Method::PUT, Method::PATCH], "/{task_id}", update)
        .on([Method::DELETE], "/{task_id}", delete)
        .on([Method::PATCH, Method::POST], "/{task_id}/complete", complete)
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
