//! Reading request bodies.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, UPGRADE};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{HttpMessage, HttpRequest};
use tokio::time::{Instant, timeout_at};

use crate::connection_phase::ConnectionPhase;

/// Maximum size of a request body, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// The time by which the body of a request must be complete and the response ready. Stored in the request's extensions.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Errors from reading a body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ReadError {
    /// The body is larger than the limit.
    TooLarge,
    /// The body has not arrived completely by the deadline.
    Late,
    /// A chunk is malformed, or the client stopped sending before the end.
    Malformed,
    /// The request has the header `Upgrade`, so the end of its body is unknown.
    Upgrade,
    /// The body has a `Content-Encoding`, which is not supported.
    Encoded,
}

/// Reads the whole body.
///
/// # Errors
/// Returns an error if the body exceeds the [`BodyLimit`] of the app, has not arrived completely by the [`Deadline`],
/// is malformed, or has a `Content-Encoding`.
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
    // For a request with `Upgrade`, actix-http ignores `Content-Length` and reads to the end of the connection. A
    // reverse proxy respects `Content-Length`, so the proxy and Taskbridge would disagree about where the request ends.
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

/// Returns the value of `Content-Length`, which actix-http has validated, or `None` if the header is absent, as with a
/// chunked body.
fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

async fn next_chunk(payload: &mut Payload) -> Option<Result<Bytes, PayloadError>> {
    std::future::poll_fn(|context| futures_core::Stream::poll_next(Pin::new(&mut *payload), context)).await
}

/// Returns the media type of the body in lower case, without its parameters.
pub(crate) fn media_type(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Returns `true` if the body has a `Content-Encoding` other than `identity` (RFC 9110, section 8.4). Bodies are never
/// decompressed, because even a small request could then use much memory.
fn is_encoded(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all(CONTENT_ENCODING);
    let mut codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    codings.any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"))
}
