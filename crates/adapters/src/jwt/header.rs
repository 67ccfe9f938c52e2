//! The JOSE header of a token (RFC 7515, section 4).

use serde::de::IgnoredAny;

use super::json::{object, present};
use super::rejection::Rejection;

/// The members of a token's header that are used. `jku`, `jwk`, `x5u` and `x5c`, in which a token can bring its own
/// key, are not read: only the configuration says where keys come from.
#[derive(Debug, serde::Deserialize)]
pub struct Header {
    /// The algorithm that the token names. It must be the algorithm of the key, which alone decides how the signature
    /// is verified.
    pub alg: String,
    /// The id of the key that signed the token, if the token names one.
    #[serde(default, deserialize_with = "present")]
    pub kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

/// The `typ` of Better Auth's session-cache cookie. Such a cookie is rejected as a token: it is signed with the same
/// keys, but is not an access token.
const SESSION_CACHE: &str = "better-auth.session-cache+jwt";

impl Header {
    /// Parses the header of a token from its JSON text.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Rejection> {
        let header: Self = object(json).ok_or(Rejection::Malformed("header"))?;
        if header.crit.is_some() {
            return Err(Rejection::CriticalHeader);
        }
        if header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(SESSION_CACHE)) {
            return Err(Rejection::SessionCache);
        }
        Ok(header)
    }
}
