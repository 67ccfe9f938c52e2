//! The access token in the header `Authorization`.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use thiserror::Error;

/// Reasons why the headers of a request contain no bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidAuthorization {
    /// The request has no header `Authorization`.
    #[error("no Authorization header")]
    Missing,
    /// The request has more than one header `Authorization`.
    #[error("several Authorization headers")]
    Several,
    /// The header contains characters that are not ASCII.
    #[error("the Authorization header contains characters that are not ASCII")]
    NotAscii,
    /// The scheme is `Bearer`, but no token follows.
    #[error("no token after Bearer")]
    NoToken,
    /// The header does not begin with `Bearer` and a space.
    #[error("not the Bearer scheme")]
    NotBearer,
}

/// Returns the token of `Authorization: Bearer <token>`. The case of the scheme is ignored (RFC 9110, section 11.1).
///
/// # Errors
/// [`InvalidAuthorization`] if `headers` do not contain exactly one such header.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, InvalidAuthorization> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next().ok_or(InvalidAuthorization::Missing)?;
    if values.next().is_some() {
        return Err(InvalidAuthorization::Several);
    }
    let credentials = value.to_str().map_err(|_not_ascii| InvalidAuthorization::NotAscii)?;
    let (scheme, token) = credentials.split_once(' ').unwrap_or((credentials, ""));
    match token.trim_start_matches(' ') {
        _ if !scheme.eq_ignore_ascii_case("bearer") => Err(InvalidAuthorization::NotBearer),
        "" => Err(InvalidAuthorization::NoToken),
        token => Ok(token),
    }
}
