//! The JOSE header of a token (RFC 7515, section 4), read strictly.

use serde::de::{Deserialize, Deserializer, IgnoredAny};

use super::verifier::Rejection;

/// What we look at. `jku`, `jwk`, `x5u` and `x5c` are not even read: keys come from the configuration alone.
#[derive(Debug, serde::Deserialize)]
pub struct Header {
    /// The algorithm the token claims to be made with; compared with the key's, never obeyed.
    pub alg: String,
    /// Which of the issuer's keys, if it says so.
    #[serde(default, deserialize_with = "present")]
    pub kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

/// The `typ` of Better Auth's session-cache cookie, which is signed with the same keys and is no token.
const SESSION_CACHE: &str = "better-auth.session-cache+jwt";

impl Header {
    /// Reads a decoded header segment.
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

/// Reads a JSON object in UTF-8 (RFC 7519, section 7.2). serde alone would also take an array, field by field, and would
/// not look into strings that nobody reads. A field that is there twice is an error.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// For optional fields: `null` is a value of the wrong type, not an absent field.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
