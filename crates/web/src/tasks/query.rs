//! The URL query of a request that lists tasks, and the header `Link` of the response.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use taskbridge_domain::services::TotalCount;
use taskbridge_domain::tasks::{
    Cursor, PageSize, PageStart, SearchText, SortDirection, SortKey, TaskFilter, TaskOrder, TaskQuery,
};
use utoipa::IntoParams;
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::path::{Parameter, ParameterIn};
use validator::{Validate, ValidationError};

use super::cursor::{self, direction_of, key_of};
use super::dto::invalid;
use crate::error::ApiError;
use crate::extract::field::{Field, FieldValue, InvalidField, RequestFields, field_names, parse_fields};
use crate::json_schema::{self, choice, integer, text_without_nul};

/// The parameters of a request that lists tasks, and the list request that they were parsed into.
///
/// # Errors
/// Returns a 422 with every invalid parameter.
pub(super) struct ListQuery(pub(super) GivenParameters, pub(super) ListRequest);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let given = GivenParameters::read(request.query_string());
        ready(given.parse().map(|request| Self(given, request)))
    }
}

impl IntoParams for ListQuery {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        ListParameters::into_params(parameter_in)
    }
}

/// A parsed request that lists tasks: which tasks to return, and whether to count all that match.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListRequest {
    pub(super) query: TaskQuery,
    pub(super) total: TotalCount,
}

/// The parameters of a list, in the order in which their errors are reported.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Returns only tasks with this value of `completed`.
    #[validate(custom(function = Field::check))]
    #[param(value_type = Option<bool>)]
    completed: Field<Option<Flag>>,
    /// Like `completed`, but as a word: `pending`, `completed` or `all`.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = status)]
    status: Field<Option<Status>>,
    /// Returns only tasks whose title or description contains this text. The case of ASCII letters is ignored.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = search_text)]
    q: Field<Option<SearchText>>,
    /// The field to sort by. The default is `created_at`. Titles are compared by the code points of their first 200
    /// characters; only titles that another program stored are longer.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = sort_key)]
    sort: Field<Option<SortKey>>,
    /// The sort direction. The default is `desc` for times and `asc` for titles.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = sort_direction)]
    order: Field<Option<SortDirection>>,
    /// The maximum number of tasks to return.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = page_size)]
    limit: Field<Option<PageSize>>,
    /// The number of tasks to skip. It cannot be combined with `cursor`.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = offset)]
    offset: Field<Option<Offset>>,
    /// The start of the page: the value of `cursor` in the header `Link` of the previous page.
    #[validate(custom(function = Field::check))]
    #[param(required = false, schema_with = cursor_text)]
    cursor: Field<Option<Cursor>>,
    /// `true` always returns the header `X-Total-Count`. Otherwise it is returned only if the page contains all matching
    /// tasks, because counting them takes a second query.
    #[validate(custom(function = Field::check))]
    #[param(value_type = Option<bool>)]
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

/// The known parameters of a query, without those whose value is empty. Unknown parameters are ignored. If a parameter
/// is repeated, the last value counts.
pub(super) struct GivenParameters(BTreeMap<&'static str, String>);

impl GivenParameters {
    /// Reads the query of a URL. Bytes that are not UTF-8 become U+FFFD.
    fn read(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
        let known = |name: &str| field_names::<ListParameters>().iter().copied().find(|known| *known == name);
        let given: BTreeMap<_, _> =
            pairs.into_iter().filter_map(|(name, value)| Some((known(&name)?, value))).collect();
        Self(given.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    fn parse(&self) -> Result<ListRequest, ApiError> {
        let fields = self.0.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        parse_fields::<ListParameters>(fields.collect()).map_err(|invalid| ApiError::invalid_fields("query", invalid))
    }

    /// Returns the value of the header `Link` (RFC 8288): the URL of the next page. It keeps all parameters of this
    /// request except `offset` and `cursor`. The URL is relative, because Taskbridge does not know the URL at which a
    /// proxy serves it.
    pub(super) fn link_to(&self, next: &Cursor) -> String {
        let kept = self.0.iter().filter(|(name, _)| !["offset", "cursor"].contains(*name));
        let mut query = String::from("?");
        for (name, value) in kept {
            query.extend([name, "="].into_iter().chain(utf8_percent_encode(value, NON_ALPHANUMERIC)).chain(["&"]));
        }
        format!("<{query}cursor={}>; rel=\"next\"", cursor::encode(next))
    }
}

/// A boolean. As in FastAPI, which some clients were written for, case is ignored, and `1` and `0` are accepted.
#[derive(Debug)]
struct Flag(bool);

impl FieldValue for Flag {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "bool_parsing", "must be true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(Self(true)),
            "false" | "0" => Some(Self(false)),
            _ => None,
        })
    }
}

/// The value of `completed` that a status stands for; `None` for all tasks.
#[derive(Debug)]
struct Status(Option<bool>);

impl FieldValue for Status {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "enum", "must be all, pending or completed", |text| match text {
            "all" => Some(Self(None)),
            "pending" => Some(Self(Some(false))),
            "completed" => Some(Self(Some(true))),
            _ => None,
        })
    }
}

fn status() -> ObjectBuilder {
    choice(&["all", "pending", "completed"])
}

impl FieldValue for SearchText {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(text(value.as_ref())).map_err(|error| invalid("string", error.to_string()))
    }
}

fn search_text() -> ObjectBuilder {
    text_without_nul().max_length(Some(SearchText::MAX_CHARS))
}

impl FieldValue for SortKey {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "enum", "must be created_at, updated_at or title", key_of)
    }
}

fn sort_key() -> ObjectBuilder {
    choice(&["created_at", "updated_at", "title"])
}

impl FieldValue for SortDirection {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "enum", "must be asc or desc", direction_of)
    }
}

fn sort_direction() -> ObjectBuilder {
    choice(&["asc", "desc"])
}

impl FieldValue for PageSize {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "int_range", "must be a number from 1 to 1000", |text| Self::new(text.parse().ok()?))
    }
}

fn page_size() -> ObjectBuilder {
    integer(1, PageSize::MAX.into()).default(Some(PageSize::default().count().into()))
}

/// A number of tasks to skip.
#[derive(Debug, Default)]
struct Offset(u32);

impl FieldValue for Offset {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "int_range", "must be a number from 0 to 4294967295", |text| text.parse().ok().map(Self))
    }
}

fn offset() -> ObjectBuilder {
    integer(0, u32::MAX)
}

impl FieldValue for Cursor {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        parse(value, "cursor", "is none of ours; take it from the header Link", cursor::decode)
    }
}

fn cursor_text() -> ObjectBuilder {
    json_schema::text("^[A-Za-z0-9_-]*$")
}

/// Parses the value of a parameter. If it is invalid, returns an error that has `kind` as its `type` and `expected` as its
/// `msg`.
fn parse<T>(
    value: Option<Value>,
    kind: &'static str,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ValidationError> {
    parse(text(value.as_ref())).ok_or_else(|| invalid(kind, expected))
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}
