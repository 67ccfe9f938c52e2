//! JSON bodies.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use serde_json::Value;

use crate::error::ApiError;
use crate::extract::body::{ReadError, media_type, read};
use crate::extract::field::{RequestFields, parse_fields};

/// The value of a request body, which is a JSON object. If the body is optional, it may be absent; `null` and `""` then
/// count as absent, because some HTTP libraries send them when there is no body.
///
/// # Errors
/// Returns a 400, 408 or 413 if the body cannot be read, a 415 if it is not JSON, and a 422 if it is invalid, in this
/// order.
pub struct JsonBody<T: RequestFields>(pub T::Value);

impl<T: RequestFields> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let value = read_json(&request, payload).await?;
            let is_absent = value.as_ref().is_none_or(|value| value.is_null() || value.as_str() == Some(""));
            if is_absent && let Some(absent) = T::absent() {
                return Ok(Self(absent));
            }
            // If a required body is empty, the response is a 422, not a 415, whatever the media type is.
            let missing = || ApiError::invalid(vec!["body"], "missing", "Field required");
            parse::<T>(&request, value.ok_or_else(missing)?).map(Self)
        })
    }
}

/// Returns the body as JSON, or `None` if it is empty.
async fn read_json(request: &HttpRequest, mut payload: Payload) -> Result<Option<Value>, ApiError> {
    let body = read(request, &mut payload).await.map_err(|error| match error {
        ReadError::TooLarge => ApiError::BodyTooLarge,
        ReadError::Late => ApiError::BodyLate,
        ReadError::Malformed => ApiError::BodyMalformed,
        ReadError::Upgrade => invalid_json("the body is incomplete"),
        ReadError::Encoded => ApiError::BodyEncoded,
    })?;
    if body.is_empty() {
        return Ok(None);
    }
    if !is_json(request) {
        return Err(ApiError::NotJson);
    }
    serde_json::from_slice(&body).map(Some).map_err(|error| invalid_json(&error.to_string()))
}

fn parse<T: RequestFields>(request: &HttpRequest, value: Value) -> Result<T::Value, ApiError> {
    let Value::Object(mut object) = value else {
        return Err(ApiError::invalid(vec!["body"], "dict_type", "Input should be a JSON object"));
    };
    T::translate(request, &mut object);
    parse_fields::<T>(object).map_err(|invalid| ApiError::invalid_fields("body", invalid))
}

/// Returns the error for a body that is not JSON. `reason` may be a message of serde: it contains a line and a column,
/// but no text of the body.
fn invalid_json(reason: &str) -> ApiError {
    ApiError::invalid(vec!["body"], "json_invalid", format!("JSON decode error: {reason}"))
}

/// Returns `true` if the media type of the body is `application/json`, and its charset, if given, is UTF-8.
fn is_json(request: &HttpRequest) -> bool {
    let header = request.headers().get(CONTENT_TYPE).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let charset_is_utf8 = header.split(';').skip(1).all(|parameter| match parameter.trim().split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            ["utf-8", "utf8"].contains(&value.trim().trim_matches('"').to_ascii_lowercase().as_str())
        }
        _ => true,
    });
    media_type(request).as_deref() == Some("application/json") && charset_is_utf8
}
