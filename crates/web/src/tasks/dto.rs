//! Tasks in requests and responses.

use actix_web::HttpRequest;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use taskbridge_domain::Timestamp;
use taskbridge_domain::tasks::{Description, FieldUpdate, NewTask, Task, TaskPatch, Title};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::compatibility::Compatibility;
use crate::extract::field::{Boolean, Field, FieldValue, RequestFields, invalid, invalid_text, required_text};
use crate::json_schema;
use crate::responses::timestamp;

/// A task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(crate) struct TaskResponse<'a> {
    #[schema(example = 7)]
    id: i64,
    /// The id of the owner.
    #[schema(example = "swX896FuLmuQcLSw5BH08q03oNhXmkex")]
    user_id: &'a str,
    #[schema(example = "Buy milk")]
    title: &'a str,
    #[schema(required = true, example = "2 litres")]
    description: Option<&'a str>,
    completed: bool,
    /// The same as `completed`, for clients written for another backend.
    #[schema(ignore)]
    #[serde(skip_serializing_if = "Option::is_none")]
    is_completed: Option<bool>,
    /// A time in UTC.
    #[serde(serialize_with = "timestamp")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T03:47:14.585Z")]
    created_at: Timestamp,
    /// A time in UTC. Every change increases it.
    #[serde(serialize_with = "timestamp")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T03:47:14.585Z")]
    updated_at: Timestamp,
}

impl<'a> TaskResponse<'a> {
    pub(crate) fn new(task: &'a Task, compatibility: Compatibility) -> Self {
        let Task { id, owner, title, description, completed, created_at, updated_at } = task;
        Self {
            id: id.number(),
            user_id: owner.as_str(),
            title: title.as_str(),
            description: description.as_ref().map(Description::as_str),
            completed: *completed,
            is_completed: compatibility.is_completed.then_some(*completed),
            created_at: *created_at,
            updated_at: *updated_at,
        }
    }

    /// Returns the approximate size of the task as JSON, in bytes. It is too small if the texts have characters that
    /// JSON escapes.
    pub(super) fn estimated_size(&self) -> usize {
        const WITHOUT_TEXTS: usize = 224;
        WITHOUT_TEXTS + self.user_id.len() + self.title.len() + self.description.map_or(0, str::len)
    }
}

/// A page of tasks, in the format that clients written for another backend expect.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskList<'a> {
    pub(crate) tasks: Vec<TaskResponse<'a>>,
    /// The number of tasks that match the filters, on all pages.
    pub(crate) total: u64,
    /// The number of tasks on this page.
    pub(crate) count: usize,
}

/// The response to a deletion, in the format that clients written for another backend expect.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    pub(super) message: &'static str,
}

/// The body of `POST /api/{user_id}/tasks`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct CreateTask {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::title)]
    title: Field<Title>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::description, required = false)]
    description: Field<FieldUpdate<Description>>,
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    completed: Field<Option<Boolean>>,
}

impl RequestFields for CreateTask {
    type Value = NewTask;

    fn translate(request: &HttpRequest, members: &mut Map<String, Value>) {
        translate(request, members);
    }

    fn into_value(self) -> Option<NewTask> {
        let Self { title, description, completed } = self;
        Some(NewTask {
            title: title.valid()?,
            description: match description.valid()? {
                FieldUpdate::Set(description) => Some(description),
                FieldUpdate::Keep | FieldUpdate::Clear => None,
            },
            completed: completed.valid()?.unwrap_or_default().0,
        })
    }
}

/// The body of `PUT` and `PATCH /api/{user_id}/tasks/{task_id}`. Absent fields keep their values.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct UpdateTask {
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::title, required = false)]
    title: Field<Option<Title>>,
    #[validate(custom(function = Field::check))]
    #[schema(schema_with = json_schema::description, required = false)]
    description: Field<FieldUpdate<Description>>,
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    completed: Field<Option<Boolean>>,
}

impl RequestFields for UpdateTask {
    type Value = TaskPatch;

    fn translate(request: &HttpRequest, members: &mut Map<String, Value>) {
        translate(request, members);
    }

    fn into_value(self) -> Option<TaskPatch> {
        let Self { title, description, completed } = self;
        Some(TaskPatch {
            title: title.valid()?,
            description: description.valid()?,
            completed: completed.valid()?.map(|Boolean(completed)| completed),
        })
    }
}

/// The body of `PATCH` and `POST /api/{user_id}/tasks/{task_id}/complete`. If `completed` is absent, the task's value
/// is toggled.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct CompleteTask {
    #[validate(custom(function = Field::check))]
    #[schema(value_type = bool, required = false)]
    completed: Field<Option<Boolean>>,
}

impl RequestFields for CompleteTask {
    type Value = Option<bool>;

    fn translate(request: &HttpRequest, members: &mut Map<String, Value>) {
        translate(request, members);
    }

    fn absent() -> Option<Option<bool>> {
        Some(None)
    }

    fn into_value(self) -> Option<Option<bool>> {
        Some(self.completed.valid()?.map(|Boolean(completed)| completed))
    }
}

/// Renames a field that clients written for another backend send.
fn translate(request: &HttpRequest, members: &mut Map<String, Value>) {
    if let Some(compatibility) = request.app_data::<Data<Compatibility>>() {
        compatibility.translate(members);
    }
}

impl FieldValue for Title {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(&required_text(value)?).map_err(invalid_text)
    }
}

impl FieldValue for FieldUpdate<Description> {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        let text = match value {
            None => return Ok(Self::Keep),
            Some(Value::Null) => return Ok(Self::Clear),
            Some(Value::String(text)) => text,
            Some(_) => return Err(invalid("string_type", "Input should be a valid string or null")),
        };
        Description::parse(&text).map(Self::Set).map_err(invalid_text)
    }
}
