//! Shortens values that clients send, for the log.

/// Maximum length of an origin in the log, in characters.
pub(crate) const MAX_ORIGIN_CHARS: usize = 200;

/// Returns the first `max_chars` characters of `value`. Control characters are kept: they cannot forge a log line,
/// because both log formats escape them.
pub(crate) fn truncated(value: &[u8], max_chars: usize) -> String {
    String::from_utf8_lossy(value).chars().take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_between_characters() {
        assert_eq!(truncated("\u{e9}xyz".as_bytes(), 2), "\u{e9}x");
        assert_eq!(truncated(b"x", 2), "x");
        assert_eq!(truncated(b"\xff", 2), "\u{fffd}");
    }
}
