//! The URL query of a request that lists resources, and the header `Link` of the response.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::web::Query;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::error::ApiError;
use crate::extract::field::{RequestFields, field_names, parse_fields};
use crate::json_schema::described;

/// The parameters of a request that lists resources, and the value that they were parsed into.
///
/// # Errors
/// Returns a 422 with every invalid parameter.
pub struct ListQuery<T: RequestFields>(pub GivenParameters<T>, pub T::Value);

impl<T: RequestFields> FromRequest for ListQuery<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let given = GivenParameters::read(request.query_string());
        ready(given.parse().map(|value| Self(given, value)))
    }
}

impl<T: RequestFields + IntoParams> IntoParams for ListQuery<T> {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::into_params(parameter_in).into_iter().map(described).collect()
    }
}

/// The parameters of a query that `T` has, without those whose value is empty. Unknown parameters are ignored. If a
/// parameter is repeated, the last value counts.
pub struct GivenParameters<T> {
    values: BTreeMap<&'static str, String>,
    parameters: PhantomData<fn() -> T>,
}

impl<T: RequestFields> GivenParameters<T> {
    /// Reads the query of a URL. Bytes that are not UTF-8 become U+FFFD.
    fn read(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query).map(Query::into_inner).unwrap_or_default();
        let known = |name: &str| field_names::<T>().iter().copied().find(|known| *known == name);
        let given: BTreeMap<_, _> =
            pairs.into_iter().filter_map(|(name, value)| Some((known(&name)?, value))).collect();
        let values = given.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        Self { values, parameters: PhantomData }
    }

    fn parse(&self) -> Result<T::Value, ApiError> {
        let fields = self.values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())));
        parse_fields::<T>(fields.collect()).map_err(|invalid| ApiError::invalid_fields("query", invalid))
    }

    /// Returns the value of the header `Link` (RFC 8288): the URL of the page that starts at the position `cursor`. It keeps
    /// all parameters of this request except `offset` and `cursor`. The URL is relative, because Taskbridge does not know
    /// the URL at which a proxy serves it.
    #[must_use]
    pub fn link_to(&self, cursor: &str) -> String {
        let kept = self.values.iter().filter(|(name, _)| !["offset", "cursor"].contains(*name));
        let mut query = String::from("?");
        for (name, value) in kept {
            query.extend([name, "="].into_iter().chain(utf8_percent_encode(value, NON_ALPHANUMERIC)).chain(["&"]));
        }
        format!("<{query}cursor={cursor}>; rel=\"next\"")
    }
}
