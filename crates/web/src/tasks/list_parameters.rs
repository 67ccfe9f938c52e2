//! The parameters of a request that lists tasks. [`ListParameters`] names them; below it, each type of a parameter is parsed
//! and described.

use serde::Deserialize;
use serde_json::Value;
use taskbridge_domain::owned::PageSize;
use taskbridge_domain::services::TotalCount;
use taskbridge_domain::tasks::{
    Cursor, PageStart, SearchText, SortDirection, SortKey, TaskFilter, TaskOrder, TaskQuery,
};
use utoipa::IntoParams;
use utoipa::openapi::schema::ObjectBuilder;
use validator::{Validate, ValidationError};

use super::cursor::{self, direction_of, key_of};
use crate::extract::field::{Field, FieldValue, InvalidField, RequestFields, invalid};
use crate::extract::parameter::{page_size, parse, text};
use crate::json_schema::{boolean, choice, integer, text_without_nul};
use crate::newest_first::cursor_text;

/// A parsed request that lists tasks: which tasks to return, and whether to count all that match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(super) query: TaskQuery,
    pub(super) total: TotalCount,
}

/// The parameters of a list, in the order in which their errors are reported.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParameters {
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = completed)]
    completed: Field<Option<Flag>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = status)]
    status: Field<Option<Status>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = search_text)]
    q: Field<Option<SearchText>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = sort_key)]
    sort: Field<Option<SortKey>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = sort_direction)]
    order: Field<Option<SortDirection>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = page_size_of_tasks)]
    limit: Field<Option<PageSize>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = offset)]
    offset: Field<Option<Offset>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = cursor_text)]
    cursor: Field<Option<Cursor>>,
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = count)]
    count: Field<Option<Flag>>,
}

impl RequestFields for ListParameters {
    type Value = ListRequest;

    fn conflicts(&self) -> Vec<InvalidField> {
        let Self { completed, status, sort, order, offset, cursor, .. } = self;
        let mut conflicts = Vec::new();
        let mut conflict = |name, msg| conflicts.push((name, invalid("conflict", msg)));
        if let (Some(Flag(completed)), Some(Status(Some(status)))) = (completed.given(), status.given())
            && completed != status
        {
            conflict("status", "contradicts the parameter completed");
        }
        if let Some(cursor) = cursor.given() {
            let TaskOrder { key, direction } = cursor.order();
            let is_same_order =
                sort.given().is_none_or(|sort| *sort == key) && order.given().is_none_or(|order| *order == direction);
            if offset.given().is_some() {
                conflict("cursor", "cannot be given together with offset");
            } else if !is_same_order {
                conflict("cursor", "is of a list in another order");
            }
        }
        conflicts
    }

    fn into_value(self) -> Option<ListRequest> {
        let Self { completed, status, q, sort, order, limit, offset, cursor, count } = self;
        let completed = completed.valid()?.map(|Flag(completed)| completed);
        let status = status.valid()?.and_then(|Status(completed)| completed);
        let usual = TaskOrder::by(sort.valid()?.unwrap_or_default());
        let order = TaskOrder { direction: order.valid()?.unwrap_or(usual.direction), ..usual };
        let Offset(offset) = offset.valid()?.unwrap_or_default();
        Some(ListRequest {
            query: TaskQuery {
                filter: TaskFilter { completed: completed.or(status), search: q.valid()? },
                start: cursor.valid()?.map_or(PageStart::Offset(order, offset), PageStart::After),
                limit: limit.valid()?.unwrap_or_default(),
            },
            total: if count.valid()?.is_some_and(|Flag(count)| count) {
                TotalCount::Always
            } else {
                TotalCount::IfKnown
            },
        })
    }
}

/// A boolean. As in FastAPI, which some clients were written for, case is ignored, and `1` and `0` are accepted.
#[derive(Debug)]
struct Flag(bool);

impl FieldValue for Flag {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "bool_parsing", "must be true or false", |text| {
            match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(Self(true)),
                "false" | "0" => Some(Self(false)),
                _ => None,
            }
        })
    }
}

fn completed() -> ObjectBuilder {
    boolean().description(Some("Returns only tasks with this value of `completed`."))
}

fn count() -> ObjectBuilder {
    boolean().description(Some(
        "`true` always returns the header `X-Total-Count`. Otherwise it is returned only if the page contains all \
            matching tasks, because counting them takes a second query.",
    ))
}

/// The value of `completed` that a status selects; `None` for all tasks.
#[derive(Debug)]
struct Status(Option<bool>);

impl FieldValue for Status {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "enum", "must be all, pending or completed", |text| match text {
            "all" => Some(Self(None)),
            "pending" => Some(Self(Some(false))),
            "completed" => Some(Self(Some(true))),
            _ => None,
        })
    }
}

fn status() -> ObjectBuilder {
    let schema = choice(&["all", "pending", "completed"]);
    schema.description(Some("Like `completed`, but as a word: `pending`, `completed` or `all`."))
}

impl FieldValue for SearchText {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(text(value.as_ref())).map_err(|error| invalid("string", error.to_string()))
    }
}

fn search_text() -> ObjectBuilder {
    let schema = text_without_nul().max_length(Some(SearchText::MAX_CHARS));
    schema.description(Some(
        "Returns only tasks whose title or description contains this text. The case of ASCII letters is ignored.",
    ))
}

impl FieldValue for SortKey {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "enum", "must be created_at, updated_at or title", key_of)
    }
}

fn sort_key() -> ObjectBuilder {
    let schema = choice(&["created_at", "updated_at", "title"]);
    schema.description(Some(
        "The field to sort by. The default is `created_at`. Titles are compared by the code points of their first 200 \
        characters; only titles that another program stored are longer.",
    ))
}

impl FieldValue for SortDirection {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "enum", "must be asc or desc", direction_of)
    }
}

fn sort_direction() -> ObjectBuilder {
    let schema = choice(&["asc", "desc"]);
    schema.description(Some("The sort direction. The default is `desc` for times and `asc` for titles."))
}

fn page_size_of_tasks() -> ObjectBuilder {
    page_size("The maximum number of tasks to return.")
}

/// A number of tasks to skip.
#[derive(Debug, Default)]
struct Offset(u32);

impl FieldValue for Offset {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "int_range", "must be a number from 0 to 4294967295", |text| text.parse().ok().map(Self))
    }
}

fn offset() -> ObjectBuilder {
    let schema = integer(0, u32::MAX);
    schema.description(Some("The number of tasks to skip. It cannot be combined with `cursor`."))
}

impl FieldValue for Cursor {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value.as_ref(), "cursor", "is none of ours; take it from the header Link", cursor::decode)
    }
}
