//! Handwritten JSON.

use std::io::Write;

const DAY: i64 = 86_400_000_000;

/// Writes a text in quotes.
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            // Writing to memory cannot fail.
            _ => drop(write!(out, "\\u{byte:04x}")),
        }
    }
    out.extend_from_slice(&text.as_bytes()[from..]);
    out.push(b'"');
}

/// Writes a moment, given in microseconds since 1970, in the form of RFC 3339 and in quotes.
pub fn push_moment(out: &mut Vec<u8>, micros: i64) {
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let (second, micros) = (micros.rem_euclid(DAY) / 1_000_000, micros.rem_euclid(1_000_000));
    out.push(b'"');
    push_two(out, year / 100);
    push_two(out, year % 100);
    for (before, value) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(before);
        push_two(out, value);
    }
    if micros != 0 {
        out.push(b'.');
        push_two(out, micros / 10_000);
        push_two(out, micros / 100 % 100);
        push_two(out, micros % 100);
    }
    out.extend_from_slice(b"Z\"");
}

/// Returns year, month and day for a number of days since 1970, with years that start in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two digits of a date")]
fn push_two(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&[b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(made(|out| push_text(out, "a\"\\\n\u{1}ü")), "\"a\\\"\\\\\\n\\u0001ü\"");
    }

    #[test]
    fn moments_are_in_rfc_3339() {
        assert_eq!(made(|out| push_moment(out, 0)), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(made(|out| push_moment(out, 1_772_323_199_123_456)), "\"2026-02-28T23:59:59.123456Z\"");
        assert_eq!(made(|out| push_moment(out, 1_709_164_800_000_000)), "\"2024-02-29T00:00:00Z\"");
    }
}
