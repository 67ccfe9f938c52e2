//! What stands in paths and queries, as the OpenAPI document shows it: shapes only, which nobody reads by.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use taskbridge_domain::tasks::TaskId;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Required, Schema};

use crate::error::ApiError;
use crate::json_schema;

/// The path of a user's tasks.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape is all that is needed")]
pub(crate) struct TasksPath {
    /// The `sub` of the token.
    #[param(min_length = 1)]
    user_id: String,
}

/// The path of a task.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape is all that is needed")]
pub(crate) struct TaskPath {
    /// The `sub` of the token.
    #[param(min_length = 1)]
    user_id: String,
    task_id: i64,
}

/// The query of a list.
pub(crate) struct ListParams;

impl IntoParams for ListParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            query("completed", "Only those that are done, or only those that are not.", json_schema::boolean()),
            query("status", "The same in other words.", json_schema::choice(["all", "pending", "completed"])),
            query(
                "q",
                "Only those with this text in title or description; A to Z in either case.",
                json_schema::search(),
            ),
            query("sort", "The order; unless given, the newest first.", json_schema::choice(SORT_KEYS)),
            query(
                "order",
                "From which end; unless given, times from the newest, titles from A.",
                json_schema::choice(ORDERS),
            ),
            query("limit", "How many tasks at the most.", json_schema::limit()),
            query("offset", "How many to leave out from the first on.", json_schema::offset()),
            query(
                "cursor",
                "Where to go on, from the header `Link`; not together with `offset`.",
                json_schema::cursor(),
            ),
            query("count", "Whether `X-Total-Count` is wanted at the price of a count.", json_schema::boolean()),
        ]
    }
}

const SORT_KEYS: [&str; 3] = ["created_at", "updated_at", "title"];
const ORDERS: [&str; 2] = ["asc", "desc"];

fn query(name: &str, description: &str, schema: Schema) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some(description)).schema(Some(schema)).build()
}

/// The task that the path names as `{task_id}`. What is no 64-bit integer is 404, as any task that is not there.
pub(super) struct PathTask(pub(super) TaskId);

impl FromRequest for PathTask {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("task_id").and_then(TaskId::parse);
        std::future::ready(id.map(Self).ok_or(ApiError::TaskNotFound))
    }
}
