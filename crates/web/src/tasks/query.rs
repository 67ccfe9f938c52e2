//! The URL query of a request that lists tasks, and the header `Link` of the response.

use std::collections::BTreeMap;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use taskbridge_domain::tasks::Cursor;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::cursor;
use super::list_parameters::{ListParameters, ListRequest};
use crate::error::ApiError;
use crate::extract::field::{field_names, parse_fields};
use crate::json_schema::described;

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
        ListParameters::into_params(parameter_in).into_iter().map(described).collect()
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
