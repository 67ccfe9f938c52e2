//! The query of a list on the wire, and the headers that go with its answer.

use std::collections::BTreeMap;

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use taskbridge_domain::services::TotalCount;
use taskbridge_domain::tasks::{
    Cursor, PageSize, PageStart, SearchText, SortDirection, SortKey, TaskFilter, TaskOrder, TaskQuery,
};

use super::cursor::{self, direction_of, key_of};
use crate::error::{ApiError, FieldError};

/// The parameters of a list, in the order in which their faults are told. All others are ignored, and of one given
/// twice the last counts; an empty one is as if it were not given.
const NAMES: [&str; 9] = ["completed", "status", "q", "sort", "order", "limit", "offset", "cursor", "count"];

/// The parameters that were given.
pub(crate) struct ListParameters(BTreeMap<&'static str, String>);

/// A list, as it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ListRequest {
    pub(crate) query: TaskQuery,
    pub(crate) total: TotalCount,
}

impl ListParameters {
    /// From the query of a URL. What is no UTF-8 in it becomes U+FFFD.
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
        let known = |name: &str| NAMES.into_iter().find(|known| *known == name);
        let given: BTreeMap<_, _> =
            pairs.into_iter().filter_map(|(name, value)| Some((known(&name)?, value))).collect();
        Self(given.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// What is asked for.
    ///
    /// # Errors
    /// 422 with every fault.
    pub(crate) fn request(&self) -> Result<ListRequest, ApiError> {
        let mut reader = Reader { given: &self.0, faults: Vec::new() };
        let request = reader.request();
        match request {
            Ok(request) if reader.faults.is_empty() => Ok(request),
            _ => Err(ApiError::Invalid(reader.faults)),
        }
    }

    /// The `Link` to the rest of the list (RFC 8288), with the same parameters. It is relative to the URL of the
    /// request, whatever that is outside of a proxy.
    pub(crate) fn link_to(&self, next: &Cursor) -> String {
        let kept = self.0.iter().filter(|(name, _)| !["offset", "cursor"].contains(*name));
        let mut query = String::from("?");
        for (name, value) in kept {
            query.extend([name, "="].into_iter().chain(utf8_percent_encode(value, NON_ALPHANUMERIC)).chain(["&"]));
        }
        format!("<{query}cursor={}>; rel=\"next\"", cursor::encode(next))
    }
}

/// Takes values out of the parameters and gathers what is wrong with them.
struct Reader<'a> {
    given: &'a BTreeMap<&'static str, String>,
    faults: Vec<FieldError>,
}

/// A value is wrong, and the fault is noted.
struct Noted;

impl Reader<'_> {
    fn request(&mut self) -> Result<ListRequest, Noted> {
        // All of them first, so that the faults of all are known, then the `?`.
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

    fn completed(&mut self) -> Result<Option<bool>, Noted> {
        let completed = self.optional("completed", "bool_parsing", BOOLEAN, boolean);
        let status = self.optional("status", "enum", "must be all, pending or completed", status_of);
        match (completed?, status?.and_then(Status::completed)) {
            (Some(completed), Some(status)) if completed != status => {
                self.fault("status", "conflict", "contradicts the parameter completed")
            }
            (completed, status) => Ok(completed.or(status)),
        }
    }

    fn search(&mut self) -> Result<Option<SearchText>, Noted> {
        let search = self.given.get("q").map(|text| SearchText::parse(text)).transpose();
        search.or_else(|invalid| self.fault("q", "string", &invalid.to_string()))
    }

    fn start(
        &mut self,
        key: Option<SortKey>,
        direction: Option<SortDirection>,
        offset: Option<u32>,
        cursor: Option<Cursor>,
    ) -> Result<PageStart, Noted> {
        let Some(cursor) = cursor else {
            let natural = TaskOrder::by(key.unwrap_or_default());
            let order = TaskOrder { direction: direction.unwrap_or(natural.direction), ..natural };
            return Ok(PageStart::Offset(order, offset.unwrap_or_default()));
        };
        let same_order = key.is_none_or(|key| key == cursor.value.key())
            && direction.is_none_or(|direction| direction == cursor.direction);
        if offset.is_some() {
            self.fault("cursor", "conflict", "cannot be given together with offset")
        } else if same_order {
            Ok(PageStart::After(cursor))
        } else {
            self.fault("cursor", "conflict", "is of a list in another order")
        }
    }

    fn optional<T>(
        &mut self,
        name: &'static str,
        kind: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Noted> {
        match self.given.get(name) {
            None => Ok(None),
            Some(text) => parse(text).map_or_else(|| self.fault(name, kind, expected), |value| Ok(Some(value))),
        }
    }

    fn fault<T>(&mut self, name: &'static str, kind: &str, msg: &str) -> Result<T, Noted> {
        self.faults.push(FieldError { loc: vec!["query", name], msg: msg.into(), kind: kind.into() });
        Err(Noted)
    }
}

const BOOLEAN: &str = "must be true or false";

/// As FastAPI reads them, which the clients of this API were written for.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The values of the parameter `status`.
#[derive(Clone, Copy)]
enum Status {
    All,
    Pending,
    Completed,
}

impl Status {
    fn completed(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Pending => Some(false),
            Self::Completed => Some(true),
        }
    }
}

fn status_of(text: &str) -> Option<Status> {
    match text {
        "all" => Some(Status::All),
        "pending" => Some(Status::Pending),
        "completed" => Some(Status::Completed),
        _ => None,
    }
}

/// What the query asks for, and the parameters it was read from.
pub(super) struct ListQuery(pub(super) ListParameters, pub(super) ListRequest);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = std::future::Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = ListParameters::parse(request.query_string());
        std::future::ready(parameters.request().map(|request| Self(parameters, request)))
    }
}
