//! Strict JSON, for headers, claims and key sets.

use serde::de::{Deserialize, Deserializer};

/// Parses a JSON object in UTF-8 (RFC 7519, section 7.2); `None` if `json` is anything else or has a duplicate member.
///
/// serde alone would also deserialize a struct from an array, and would not check the UTF-8 of ignored strings.
pub(super) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let text = std::str::from_utf8(json).ok()?;
    let is_object = text.trim_ascii_start().starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// Deserializes an optional member. The value `null` is an error; it does not count as absent.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
