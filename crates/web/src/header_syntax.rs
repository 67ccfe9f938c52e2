//! Syntax that several headers share (RFC 9110, section 5.6).

/// Returns `true` if `text` is a token (section 5.6.2), such as the name of a header.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Parses the quoted string (section 5.6.4) at the start of `text`. Returns its value without quotes and escapes, and
/// its length with them, or `None` if the string is invalid or has no end.
pub(crate) fn quoted_string(text: &[u8]) -> Option<(Vec<u8>, usize)> {
    let is_text = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_graphic() || !byte.is_ascii();
    let mut bytes = text.iter().copied().enumerate().skip(1);
    let mut value = Vec::new();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, at + 1)),
            b'\\' => value.push(bytes.next().map(|(_, escaped)| escaped).filter(|escaped| is_text(*escaped))?),
            byte if is_text(byte) => value.push(byte),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_no_separators() {
        for text in ["a", "X-Request-Id", "!#$%&'*+-.^_`|~09"] {
            assert!(is_token(text.as_bytes()), "{text}");
        }
        for text in ["", " ", "a b", "a,", "a:", "a;", "\"a\"", "a=b", "[a]", "\u{e9}", "a\t"] {
            assert!(!is_token(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_quoted_string_ends_at_its_own_quote() {
        let value = |text: &str| {
            quoted_string(text.as_bytes()).map(|(value, length)| (String::from_utf8(value).unwrap(), length))
        };
        for (text, expected) in [
            (r#""""#, ("", 2)),
            (r#""a;b, c";d"#, ("a;b, c", 8)),
            (r#""a\"b"c"#, (r#"a"b"#, 6)),
            (r#""a\\"b"#, (r"a\", 5)),
        ] {
            assert_eq!(value(text), Some((expected.0.to_owned(), expected.1)), "{text}");
        }
        for text in ["\"", "\"a", r#""a\""#, "\"a\n\"", "\"\\\n\""] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
