//! Values that clients send, as the log shows them.

/// Maximum length of an origin in the log, in characters.
pub(crate) const MAX_ORIGIN_CHARS: usize = 200;

/// Returns the first `max_chars` characters of `value`, quoted, with control characters and quotes escaped.
pub(crate) fn shown(value: &[u8], max_chars: usize) -> String {
    let text = String::from_utf8_lossy(value);
    format!("{:?}", text.chars().take(max_chars).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_cut() {
        assert_eq!(shown(b"a\"b\r\n\x1b", 100), r#""a\"b\r\n\u{1b}""#);
        assert_eq!(shown("\u{e9}xyz".as_bytes(), 2), "\"\u{e9}x\"");
        assert_eq!(shown(b"\xff", 2), "\"\u{fffd}\"");
    }
}
