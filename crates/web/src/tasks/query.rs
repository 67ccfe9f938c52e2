//! The URL query of a request that lists tasks, and the header `Link` of the response.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use taskbridge_domain::services::TotalCount;
use taskbridge_domain::tasks::{
    Cursor, PageSize, PageStart, SearchText, SortDirection, SortKey, TaskFilter, TaskOrder, TaskQuery,
};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{Object, Type};

use super::cursor::{self, direction_of, key_of};
use crate::error::{ApiError, FieldError};
use crate::json_schema::{query_parameter, text_without_nul};

/// The parameters of a request that lists tasks, and the list request that they were parsed into.
///
/// # Errors
/// Returns a 422 with every invalid parameter.
pub(super) struct ListQuery(pub(super) ListParameters, pub(super) ListRequest);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = ListParameters::parse(request.query_string());
        ready(parameters.request().map(|request| Self(parameters, request)))
    }
}

impl IntoParams for ListQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let boolean = || Object::builder().schema_type(Type::Boolean);
        let choice = |values: &[&str]| Object::builder().schema_type(Type::String).enum_values(Some(values.to_vec()));
        let integer = |minimum: u32, maximum: u32| {
            Object::builder().schema_type(Type::Integer).minimum(Some(minimum)).maximum(Some(maximum))
        };
        let status = choice(&["all", "pending", "completed"]);
        let search = text_without_nul().max_length(Some(SearchText::MAX_CHARS));
        let limit = integer(1, PageSize::MAX.into()).default(Some(PageSize::default().count().into()));
        let cursor = Object::builder().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]*$"));
        vec![
            query_parameter("completed", "Returns only tasks with this value of `completed`.", boolean()),
            query_parameter("status", "Like `completed`, but as a word: `pending`, `completed` or `all`.", status),
            query_parameter(
                "q",
                "Returns only tasks whose title or description contains this text. The case of ASCII letters is \
                    ignored.",
                search,
            ),
            query_parameter("sort", SORT, choice(&["created_at", "updated_at", "title"])),
            query_parameter("order", ORDER, choice(&["asc", "desc"])),
            query_parameter("limit", "The maximum number of tasks to return.", limit),
            query_parameter(
                "offset",
                "The number of tasks to skip. It cannot be combined with `cursor`.",
                integer(0, u32::MAX),
            ),
            query_parameter(
                "cursor",
                "The start of the page: the value of `cursor` in the header `Link` of the previous page.",
                cursor,
            ),
            query_parameter("count", COUNT, boolean()),
        ]
    }
}

const SORT: &str = "The field to sort by. The default is `created_at`. Titles are compared by the code points of their \
    first 200 characters; only titles that another program stored are longer.";
const COUNT: &str = "`true` always returns the header `X-Total-Count`. Otherwise it is returned only if the page \
    contains all matching tasks, because counting them takes a second query.";
const ORDER: &str = "The sort direction. The default is `desc` for times and `asc` for titles.";

/// The known parameters, in the order in which their errors are reported.
const NAMES: [&str; 9] = ["completed", "status", "q", "sort", "order", "limit", "offset", "cursor", "count"];

/// The known parameters of a query, without those whose value is empty. Unknown parameters are ignored. If a parameter
/// is repeated, the last value counts.
pub(super) struct ListParameters(BTreeMap<&'static str, String>);

/// A parsed request that lists tasks: which tasks to return, and whether to count all that match.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ListRequest {
    pub(super) query: TaskQuery,
    pub(super) total: TotalCount,
}

impl ListParameters {
    /// Parses the query of a URL. Bytes that are not UTF-8 become U+FFFD.
    fn parse(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
        let known = |name: &str| NAMES.into_iter().find(|known| *known == name);
        let given: BTreeMap<_, _> =
            pairs.into_iter().filter_map(|(name, value)| Some((known(&name)?, value))).collect();
        Self(given.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    fn request(&self) -> Result<ListRequest, ApiError> {
        let mut reader = Reader { given: &self.0, errors: Vec::new() };
        let request = reader.request();
        match request {
            Ok(request) if reader.errors.is_empty() => Ok(request),
            _ => Err(ApiError::Invalid(reader.errors)),
        }
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

/// Parses parameters and collects their errors.
struct Reader<'a> {
    given: &'a BTreeMap<&'static str, String>,
    errors: Vec<FieldError>,
}

/// Says that a parameter is invalid. Its error has been added to [`Reader::errors`].
struct Invalid;

impl Reader<'_> {
    fn request(&mut self) -> Result<ListRequest, Invalid> {
        // Every parameter is parsed before the first `?` returns, so that the errors of all parameters are collected.
        let completed = self.completed();
        let search = self.search();
        let key = self.optional("sort", "enum", "must be created_at, updated_at or title", key_of);
        let direction = self.optional("order", "enum", "must be asc or desc", direction_of);
        let limit = self.optional("limit", "int_range", "must be a number from 1 to 1000", |text| {
            PageSize::new(text.parse().ok()?)
        });
        let offset =
            self.optional("offset", "int_range", "must be a number from 0 to 4294967295", |text| text.parse().ok());
        let cursor = self.optional("cursor", "cursor", "is none of ours; take it from the header Link", cursor::decode);
        let count = self.optional("count", "bool_parsing", BOOLEAN, boolean);
        let start = self.start(key?, direction?, offset?, cursor?);
        Ok(ListRequest {
            query: TaskQuery {
                filter: TaskFilter { completed: completed?, search: search? },
                start: start?,
                limit: limit?.unwrap_or_default(),
            },
            total: if count? == Some(true) { TotalCount::Always } else { TotalCount::IfKnown },
        })
    }

    fn completed(&mut self) -> Result<Option<bool>, Invalid> {
        let completed = self.optional("completed", "bool_parsing", BOOLEAN, boolean);
        let status = self.optional("status", "enum", "must be all, pending or completed", |text| match text {
            "all" => Some(None),
            "pending" => Some(Some(false)),
            "completed" => Some(Some(true)),
            _ => None,
        });
        match (completed?, status?.flatten()) {
            (Some(completed), Some(status)) if completed != status => {
                self.error("status", "conflict", "contradicts the parameter completed")
            }
            (completed, status) => Ok(completed.or(status)),
        }
    }

    fn search(&mut self) -> Result<Option<SearchText>, Invalid> {
        let search = self.given.get("q").map(|text| SearchText::parse(text)).transpose();
        search.or_else(|error| self.error("q", "string", &error.to_string()))
    }

    fn start(
        &mut self,
        key: Option<SortKey>,
        direction: Option<SortDirection>,
        offset: Option<u32>,
        cursor: Option<Cursor>,
    ) -> Result<PageStart, Invalid> {
        let Some(cursor) = cursor else {
            let natural = TaskOrder::by(key.unwrap_or_default());
            let order = TaskOrder { direction: direction.unwrap_or(natural.direction), ..natural };
            return Ok(PageStart::Offset(order, offset.unwrap_or_default()));
        };
        let same_order = key.is_none_or(|key| key == cursor.value.key())
            && direction.is_none_or(|direction| direction == cursor.direction);
        if offset.is_some() {
            self.error("cursor", "conflict", "cannot be given together with offset")
        } else if same_order {
            Ok(PageStart::After(cursor))
        } else {
            self.error("cursor", "conflict", "is of a list in another order")
        }
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        kind: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        match self.given.get(name) {
            None => Ok(None),
            Some(text) => parse(text).map_or_else(|| self.error(name, kind, expected), |value| Ok(Some(value))),
        }
    }

    fn error<T>(&mut self, name: &'static str, kind: &str, msg: &str) -> Result<T, Invalid> {
        self.errors.push(FieldError { loc: vec!["query", name], msg: msg.into(), kind: kind.into() });
        Err(Invalid)
    }
}

const BOOLEAN: &str = "must be true or false";

/// Parses a boolean. Like FastAPI, which some clients were written for, it ignores case and accepts `1` and `0`.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
