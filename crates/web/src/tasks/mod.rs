//! The tasks API, at `/api/{user_id}/tasks` by default.

pub(crate) mod compatibility;
mod cursor;
pub(crate) mod dto;
mod handlers;
mod json_body;
mod list_parameters;
mod path;
mod query;

use actix_web::web::{self, ServiceConfig};
use utoipa::OpenApi;

use self::handlers::{complete, create, delete, get, list, update};
use crate::error::not_allowed;
use crate::extract::guard::OwnerFrom;

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
        mount(config, &format!("{prefix}/{{user_id}}/tasks"), OwnerFrom::Path);
        if without_user_id {
            mount(config, &format!("{prefix}/tasks"), OwnerFrom::Token);
        }
    }
}

/// Mounts the operations below `base`. Each path is served with and without a trailing slash: a redirect would not be
/// enough, because many clients omit the body when they follow a redirect.
fn mount(config: &mut ServiceConfig, base: &str, owner: OwnerFrom) {
    let resource = |path: &str| web::resource([format!("{base}{path}"), format!("{base}{path}/")]).app_data(owner);
    let list_resource = resource("").get(list).head(list).post(create);
    let task_resource = resource("/{task_id}").get(get).head(get).put(update).patch(update).delete(delete);
    let complete_resource = resource("/{task_id}/complete").patch(complete).post(complete);
    config
        .service(list_resource.default_service(not_allowed("GET, HEAD, POST")))
        .service(task_resource.default_service(not_allowed("GET, HEAD, PUT, PATCH, DELETE")))
        .service(complete_resource.default_service(not_allowed("PATCH, POST")));
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
