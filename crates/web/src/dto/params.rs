//! What stands in paths and queries, as the OpenAPI document shows it: shapes only, which nobody reads by.

use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Required, Schema};

use super::schema;

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
        vec![query("limit", "How many tasks at the most.", schema::limit())]
    }
}

fn query(name: &str, description: &str, schema: Schema) -> Parameter {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).required(Required::False);
    parameter.description(Some(description)).schema(Some(schema)).build()
}
