//! Strict parsing of JSON in the headers and claims of tokens and in key sets.

use serde::de::{Deserialize, Deserializer};

/// Parses a JSON object in UTF-8 (RFC 7519, section 7.2). Returns `None` if `json` is anything else or has a duplicate
/// member.
///
/// Calling serde alone is too lenient: it would also accept an array in place of an object, and invalid UTF-8 in
/// strings that are ignored.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// Deserializes an optional member that is present. The value `null` is an error, although serde would by default treat
/// such a member as absent.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
