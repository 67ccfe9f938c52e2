//! Request bodies: read up to a limit, told apart by their media type, parsed as one JSON object.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, UPGRADE};
use actix_web::web::{Bytes, BytesMut, Data};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout_at;

use crate::connection_phase::ConnectionPhase;
use crate::error::ApiError;
use crate::middleware::request_limits::Deadline;
use crate::tasks::compatibility::Compatibility;

/// How many bytes of a request body are read at the most.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// Why there is no body to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReadError {
    /// More than the limit.
    TooLarge,
    /// Not complete in time.
    Late,
    /// A chunk is malformed, or the client stopped sending before the end.
    Malformed,
    /// The request asks for another protocol, which hides where the body ends.
    Upgrade,
    /// It has a `Content-Encoding`.
    Encoded,
}

/// The whole body, if it is within the [`BodyLimit`] of the app, here before the request's [`Deadline`], and not encoded.
pub(crate) async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Bytes, ReadError> {
    let deadline = request.extensions().get::<Deadline>().copied();
    let phase = request.conn_data::<ConnectionPhase>().cloned().unwrap_or_default();
    let body = phase.read_body(async {
        let body = read_within_limit(request, payload);
        match deadline {
            Some(Deadline(deadline)) => timeout_at(deadline, body).await.unwrap_or(Err(ReadError::Late)),
            None => body.await,
        }
    });
    let body = body.await?;
    if !body.is_empty() && is_encoded(request) { Err(ReadError::Encoded) } else { Ok(body) }
}

async fn read_within_limit(request: &HttpRequest, payload: &mut Payload) -> Result<Bytes, ReadError> {
    // actix reads on to the end of the connection then, whatever the length says. No proxy before it does.
    if request.headers().contains_key(UPGRADE) {
        return Err(ReadError::Upgrade);
    }
    let limit = request.app_data::<BodyLimit>().map_or(0, |limit| limit.0);
    if content_length(request.headers()).is_some_and(|declared| declared > limit) {
        return Err(ReadError::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = next_chunk(payload).await {
        let chunk = chunk.map_err(|_the_client_knows| ReadError::Malformed)?;
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Returns the value of `Content-Length`, which actix-http has validated; `None` for a chunked body.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

async fn next_chunk(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
    std::future::poll_fn(|context| futures_core::Stream::poll_next(Pin::new(&mut *payload), context)).await
}

/// The media type of the body in lower case, without its parameters. `None` when none is given.
pub(crate) fn media_type(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Returns `true` if the media type is `application/json` in UTF-8.
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

/// Returns `true` if the body has a `Content-Encoding` other than `identity` (RFC 9110, section 8.4). Nothing is
/// decompressed, so that a small request cannot take much memory.
fn is_encoded(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all(CONTENT_ENCODING);
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}

/// A body that is one JSON object, as `T`. Unknown fields are ignored; of a field given twice the last counts.
///
/// Errors, in this order: 400, 408 and 413, then 415, then 422.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // An absent body is one without a media type, too.
            let missing = || ApiError::invalid(vec!["body"], "missing", "Field required");
            let value = read_json(&request, payload).await?.ok_or_else(missing)?;
            parse(&request, value).map(Self)
        })
    }
}

/// As [`JsonBody`], or no body at all; then the media type does not matter. The JSON texts `null` and `""` count as no
/// body: some HTTP libraries send them where the caller passes nothing.
pub(crate) struct OptionalJsonBody<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJsonBody<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let value = read_json(&request, payload).await?;
            let is_something = |value: &Value| !value.is_null() && value.as_str() != Some("");
            value.filter(is_something).map(|value| parse(&request, value)).transpose().map(Self)
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

fn parse<T: DeserializeOwned>(request: &HttpRequest, value: Value) -> Result<T, ApiError> {
    let Value::Object(mut object) = value else {
        return Err(ApiError::invalid(vec!["body"], "dict_type", "Input should be a JSON object"));
    };
    if let Some(compatibility) = request.app_data::<Data<Compatibility>>() {
        compatibility.translate(&mut object);
    }
    serde_json::from_value(Value::Object(object)).map_err(|error| invalid_json(&error.to_string()))
}

/// serde's reasons name a line and a column, and nothing of the content.
fn invalid_json(reason: &str) -> ApiError {
    ApiError::invalid(vec!["body"], "json_invalid", format!("JSON decode error: {reason}"))
}
