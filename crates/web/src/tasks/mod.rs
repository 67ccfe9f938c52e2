//! `/api/{user_id}/tasks`, or wherever the tasks are mounted.

pub(crate) mod compatibility;
mod cursor;
mod dto;
mod handlers;
mod path;
mod query;

use actix_web::web::{self, ServiceConfig};
use utoipa::OpenApi;

use self::handlers::{complete, create, list, remove, show, update};
use crate::error::not_allowed;
use crate::extract::guard::OwnerFrom;

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
#[openapi(paths(
    handlers::list,
    handlers::create,
    handlers::show,
    handlers::update,
    handlers::complete,
    handlers::remove
))]
pub(crate) struct Operations;
