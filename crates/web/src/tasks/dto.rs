//! Tasks on the wire.
//!
//! `validator` gathers the faults of all fields; each rule is a call into the domain, which is where the rules are.

use serde::{Deserialize, Serialize, Serializer};
use taskbridge_domain::Timestamp;
use taskbridge_domain::tasks::{Description, FieldUpdate, NewTask, Task, TaskPatch, Title};
use taskbridge_domain::text::InvalidText;
use utoipa::ToSchema;
use validator::{Validate, ValidationError, ValidationErrors};

use crate::error::ApiError;
use crate::extract::field::Input;
use crate::json_schema;
use crate::tasks::compatibility::Compatibility;

/// The fields of a body, in the order in which their faults are told.
const FIELDS: [&str; 3] = ["title", "description", "completed"];

/// A task as callers read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(crate) struct TaskResponse<'a> {
    #[schema(example = 7)]
    id: i64,
    /// Whose it is.
    #[schema(example = "swX896FuLmuQcLSw5BH08q03oNhXmkex")]
    user_id: &'a str,
    #[schema(example = "Buy milk")]
    title: &'a str,
    #[schema(required = true, example = "2 litres")]
    description: Option<&'a str>,
    completed: bool,
    /// As `completed`, for clients that know it by this name.
    #[schema(ignore)]
    #[serde(skip_serializing_if = "Option::is_none")]
    is_completed: Option<bool>,
    /// UTC.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T03:47:14.585Z")]
    created_at: Timestamp,
    /// UTC; later with every change.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T03:47:14.585Z")]
    updated_at: Timestamp,
}

fn as_text<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
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
}

/// A list with what is known of the whole, for callers that want it so.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TaskList<'a> {
    pub(crate) tasks: Vec<TaskResponse<'a>>,
    /// How many there are in the whole list.
    pub(crate) total: u64,
    /// How many are here.
    pub(crate) count: usize,
}

/// What is told instead of an empty answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    pub(super) message: &'static str,
}

/// The body of `POST /api/{user_id}/tasks`.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct CreateTask {
    #[serde(default)]
    #[validate(custom(function = rules::required_title))]
    #[schema(schema_with = json_schema::title, required = true)]
    title: Input<String>,
    #[serde(default)]
    #[validate(custom(function = rules::description_edit))]
    #[schema(schema_with = json_schema::description)]
    description: Input<String>,
    #[serde(default)]
    #[validate(custom(function = rules::optional_bool))]
    #[schema(value_type = bool)]
    completed: Input<bool>,
}

impl TryFrom<CreateTask> for NewTask {
    type Error = ApiError;

    fn try_from(request: CreateTask) -> Result<Self, ApiError> {
        validated(&request)?;
        let CreateTask { title, description, completed } = request;
        Ok(Self {
            title: required_title(&title).map_err(at("title"))?,
            description: match description_edit(&description).map_err(at("description"))? {
                FieldUpdate::Set(description) => Some(description),
                FieldUpdate::Keep | FieldUpdate::Clear => None,
            },
            completed: optional_bool(&completed).map_err(at("completed"))?.unwrap_or(false),
        })
    }
}

/// The body of `PUT` and `PATCH /api/{user_id}/tasks/{id}`: what is absent stays as it is.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct UpdateTask {
    #[serde(default)]
    #[validate(custom(function = rules::optional_title))]
    #[schema(schema_with = json_schema::title)]
    title: Input<String>,
    #[serde(default)]
    #[validate(custom(function = rules::description_edit))]
    #[schema(schema_with = json_schema::description)]
    description: Input<String>,
    #[serde(default)]
    #[validate(custom(function = rules::optional_bool))]
    #[schema(value_type = bool)]
    completed: Input<bool>,
}

impl TryFrom<UpdateTask> for TaskPatch {
    type Error = ApiError;

    fn try_from(request: UpdateTask) -> Result<Self, ApiError> {
        validated(&request)?;
        let UpdateTask { title, description, completed } = request;
        Ok(Self {
            title: optional_title(&title).map_err(at("title"))?,
            description: description_edit(&description).map_err(at("description"))?,
            completed: optional_bool(&completed).map_err(at("completed"))?,
        })
    }
}

/// The body of `PATCH /api/{user_id}/tasks/{id}/complete`: without `completed` the task is turned round.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(crate) struct CompleteTask {
    #[serde(default)]
    #[validate(custom(function = rules::optional_bool))]
    #[schema(value_type = bool)]
    completed: Input<bool>,
}

impl TryFrom<CompleteTask> for Option<bool> {
    type Error = ApiError;

    fn try_from(request: CompleteTask) -> Result<Self, ApiError> {
        validated(&request)?;
        let CompleteTask { completed } = request;
        optional_bool(&completed).map_err(at("completed"))
    }
}

fn validated(request: &impl Validate) -> Result<(), ApiError> {
    request.validate().map_err(|faults| ApiError::invalid_body(&faults, &FIELDS))
}

/// The parsers below as `validator` wants them: without the value they make.
mod rules {
    use super::{Input, ValidationError};

    pub(super) fn required_title(input: &Input<String>) -> Result<(), ValidationError> {
        super::required_title(input).map(drop)
    }

    pub(super) fn optional_title(input: &Input<String>) -> Result<(), ValidationError> {
        super::optional_title(input).map(drop)
    }

    pub(super) fn description_edit(input: &Input<String>) -> Result<(), ValidationError> {
        super::description_edit(input).map(drop)
    }

    pub(super) fn optional_bool(input: &Input<bool>) -> Result<(), ValidationError> {
        super::optional_bool(input).map(drop)
    }
}

fn at(field: &'static str) -> impl FnOnce(ValidationError) -> ApiError {
    move |fault| {
        let mut faults = ValidationErrors::new();
        faults.add(field, fault);
        ApiError::invalid_body(&faults, &FIELDS)
    }
}

fn fault(kind: &'static str, message: impl Into<String>) -> ValidationError {
    ValidationError::new(kind).with_message(message.into().into())
}

fn invalid_text(invalid: InvalidText) -> ValidationError {
    let kind = match invalid {
        InvalidText::Empty => "string_too_short",
        InvalidText::TooLong { .. } => "string_too_long",
        InvalidText::Nul => "string_nul",
    };
    fault(kind, invalid.to_string())
}

fn required_title(input: &Input<String>) -> Result<Title, ValidationError> {
    optional_title(input)?.ok_or_else(|| fault("missing", "Field required"))
}

fn optional_title(input: &Input<String>) -> Result<Option<Title>, ValidationError> {
    match input {
        Input::Absent => Ok(None),
        Input::Value(text) => Title::parse(text).map(Some).map_err(invalid_text),
        Input::Null | Input::OtherType => Err(fault("string_type", "Input should be a valid string")),
    }
}

fn description_edit(input: &Input<String>) -> Result<FieldUpdate<Description>, ValidationError> {
    match input {
        Input::Absent => Ok(FieldUpdate::Keep),
        Input::Null => Ok(FieldUpdate::Clear),
        Input::Value(text) => Description::parse(text).map(FieldUpdate::Set).map_err(invalid_text),
        Input::OtherType => Err(fault("string_type", "Input should be a valid string or null")),
    }
}

fn optional_bool(input: &Input<bool>) -> Result<Option<bool>, ValidationError> {
    match input {
        Input::Absent => Ok(None),
        Input::Value(value) => Ok(Some(*value)),
        Input::Null | Input::OtherType => Err(fault("bool_type", "Input should be a valid boolean")),
    }
}
