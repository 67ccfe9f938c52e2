//! Finds the end of an HTTP/1.1 answer.

/// A complete answer at the beginning of a buffer.
pub struct Answer {
    /// Its length in bytes.
    pub bytes: usize,
    pub status: u16,
    /// Whether the server closes the connection after it.
    pub closes: bool,
}

/// The bytes are not an HTTP answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Nonsense;

/// Returns the first answer in `read`, if it is complete.
pub fn parse(read: &[u8]) -> Result<Option<Answer>, Nonsense> {
    let Some(end) = find(read, b"\r\n\r\n", 0) else { return Ok(None) };
    let head = &read[..end + 2];
    if !head.starts_with(b"HTTP/1.") {
        return Err(Nonsense);
    }
    let status = head.get(9..12).and_then(number).ok_or(Nonsense)?;
    let closes = header(head, b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    let end = if let Some(length) = header(head, b"content-length") {
        let length: usize = number(length).ok_or(Nonsense)?;
        Some(end + 4 + length).filter(|end| read.len() >= *end)
    } else if header(head, b"transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
        end_of_chunks(read, end + 4)?
    } else {
        Some(end + 4)
    };
    Ok(end.map(|bytes| Answer { bytes, status, closes }))
}

fn end_of_chunks(read: &[u8], mut at: usize) -> Result<Option<usize>, Nonsense> {
    loop {
        let Some(line) = find(read, b"\r\n", at) else { return Ok(None) };
        let digits = std::str::from_utf8(&read[at..line]).ok().and_then(|line| line.split(';').next());
        let length = digits.and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok()).ok_or(Nonsense)?;
        at = line + 2 + length + 2;
        if read.len() < at {
            return Ok(None);
        }
        if length == 0 {
            return Ok(Some(at));
        }
    }
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (found, value) = line.split_at_checked(name.len())?;
        let value = value.strip_prefix(b":")?;
        found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn find(text: &[u8], part: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?.windows(part.len()).position(|window| window == part).map(|at| at + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(read: &[u8]) -> Option<usize> {
        parse(read).ok().flatten().map(|answer| answer.bytes)
    }

    #[test]
    fn an_answer_ends_where_its_length_says() {
        let read = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1";
        assert_eq!(bytes(read), Some(read.len() - 8));
        assert_eq!(bytes(&read[..read.len() - 9]), None);
    }

    #[test]
    fn an_answer_in_chunks_ends_behind_the_empty_one() {
        let read = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(bytes(read), Some(read.len()));
        assert_eq!(bytes(&read[..read.len() - 1]), None);
    }

    #[test]
    fn what_is_no_http_is_refused() {
        assert_eq!(parse(b"SSH-2.0-x\r\n\r\n").err(), Some(Nonsense));
    }
}
