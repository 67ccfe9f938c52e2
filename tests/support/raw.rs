//! Requests byte by byte, for what no HTTP library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// How long an answer may take before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer: its status (0 when the connection was closed without one), head and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers, as they came.
    pub head: String,
    /// The body, as it came.
    pub body: String,
}

impl Answer {
    /// As far as it has come.
    fn parse(received: &[u8]) -> Self {
        let text = String::from_utf8_lossy(received);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The value of a header, its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// What does not differ between two answers given at different times: the head, its lines in order, without `Date` and
/// `X-Request-Id`, and the body.
#[must_use]
pub fn timeless(answer: &Answer) -> (Vec<&str>, &str) {
    let differs = |line: &&str| {
        let is = |name: &str| ["date", "x-request-id"].iter().any(|differing| name.eq_ignore_ascii_case(differing));
        line.split_once(':').is_some_and(|(name, _)| is(name))
    };
    let mut head: Vec<_> = answer.head.lines().filter(|line| !differs(line)).collect();
    head.sort_unstable();
    (head, &answer.body)
}

/// Sends a request with this token; more as in [`request`].
pub async fn send_as(server: &Server, token: &str, request_line: &str, headers: &[&str], body: &[u8]) -> Answer {
    let authorization = format!("Authorization: Bearer {token}");
    let headers: Vec<_> = headers.iter().copied().chain([authorization.as_str()]).collect();
    send(server, &request(request_line, &headers, body)).await
}

/// Sends these bytes on a connection of their own and reads until the server closes it.
pub async fn send(server: &Server, bytes: &[u8]) -> Answer {
    let exchange = async {
        let mut connection = TcpStream::connect(&server.address).await.unwrap();
        // The server may answer and close before it has read all.
        let _ = connection.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("no end of the answer"));
    Answer::parse(&answer)
}

/// Sends these bytes on a connection of their own and reads one answer, as long as its `Content-Length` says: for
/// requests whose body does not come to its end, on which the server may keep the connection open.
pub async fn send_unfinished(server: &Server, bytes: &[u8]) -> Answer {
    let exchange = async {
        let mut connection = TcpStream::connect(&server.address).await.unwrap();
        let _ = connection.write_all(bytes).await;
        let mut received = Vec::new();
        loop {
            let answer = Answer::parse(&received);
            let length = answer.header("content-length").and_then(|length| length.parse().ok());
            let is_whole = length.is_some_and(|length: usize| answer.body.len() >= length);
            if is_whole || connection.read_buf(&mut received).await.unwrap_or_default() == 0 {
                return answer;
            }
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("no answer"))
}

/// A request with these lines as its head (`Host` and `Connection: close` are added) and this body.
#[must_use]
pub fn request(request_line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut lines = vec![request_line.to_owned(), "Host: localhost".into(), "Connection: close".into()];
    lines.extend(headers.iter().map(|&header| header.to_owned()));
    if !body.is_empty() {
        lines.push(format!("Content-Length: {}", body.len()));
    }
    let mut bytes = lines.join("\r\n").into_bytes();
    bytes.extend_from_slice(b"\r\n\r\n");
    bytes.extend_from_slice(body);
    bytes
}
