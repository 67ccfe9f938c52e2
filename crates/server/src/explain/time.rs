//! Times in claims.

use serde_json::Value;
use taskbridge_domain::Timestamp;

/// Returns the value of a time claim in seconds since 1970, or `None` if the value is not a number.
#[expect(clippy::cast_possible_truncation, reason = "fractions of a second are not shown")]
pub(super) fn seconds(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| seconds as i64)
}

/// Describes the moment `seconds` after the start of 1970 relative to `now`, such as `2 hours ago`.
pub(super) fn relative(now: Timestamp, seconds: i64) -> String {
    let distance = seconds.saturating_sub(now.unix_seconds());
    let (amount, unit) = match distance.unsigned_abs() {
        seconds @ 0..120 => (seconds, "seconds"),
        seconds @ 120..7200 => (seconds / 60, "minutes"),
        seconds @ 7200..172_800 => (seconds / 3600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    if distance < 0 { format!("{amount} {unit} ago") } else { format!("in {amount} {unit}") }
}
