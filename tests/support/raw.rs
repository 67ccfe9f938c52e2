//! HTTP/1.1 byte by byte, for requests that no HTTP library sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::Server;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer. The status is 0 if the connection closed without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and headers, verbatim.
    pub head: String,
    /// The body, verbatim.
    pub body: String,
}

impl Answer {
    /// Parses an answer that may be incomplete.
    fn parse(received: &[u8]) -> Self {
        let text = String::from_utf8_lossy(received);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Returns the value of a header; names are case-insensitive.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Returns what two answers to the same request have in common: the body, and the sorted head without `Date` and
/// `X-Request-Id`.
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

/// Sends a request with this token, and reads one answer: if a server answers before it has read the body, it keeps the
/// connection open for a while. See [`request`] for the other parameters.
pub async fn send_as(server: &Server, token: &str, request_line: &str, headers: &[&str], body: &[u8]) -> Answer {
    let authorization = format!("Authorization: Bearer {token}");
    let headers: Vec<_> = headers.iter().copied().chain([authorization.as_str()]).collect();
    send_unfinished(server, &request(request_line, &headers, body)).await
}

/// Sends these bytes on a new connection, and reads until the server closes it.
pub async fn send(server: &Server, bytes: &[u8]) -> Answer {
    let mut connection = Connection::open(server).await;
    connection.write(bytes).await;
    Answer::parse(&connection.rest().await)
}

/// Sends these bytes on a new connection, and reads one answer according to its `Content-Length`. For incomplete
/// requests, after which the server may keep the connection open.
pub async fn send_unfinished(server: &Server, bytes: &[u8]) -> Answer {
    let mut connection = Connection::open(server).await;
    connection.write(bytes).await;
    connection.answer().await
}

/// Sends these bytes on a new connection, and returns all answers until the server closes it.
pub async fn send_all(server: &Server, bytes: &[u8]) -> Vec<Answer> {
    let mut connection = Connection::open(server).await;
    connection.write(bytes).await;
    connection.answers().await
}

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects without sending anything.
    pub async fn open(server: &Server) -> Self {
        Self { stream: TcpStream::connect(&server.address).await.unwrap(), received: Vec::new() }
    }

    /// Connects from this address of the computer without sending anything.
    pub async fn open_from(client: &str, server: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
        Self { stream: socket.connect(server.parse().unwrap()).await.unwrap(), received: Vec::new() }
    }

    /// Connects with a receive buffer of a few kilobytes.
    pub async fn open_narrow(server: &Server) -> Self {
        Self::open_with_buffer(server, 4096).await
    }

    /// Connects with a receive buffer of this size in bytes. The system does not enlarge it.
    pub async fn open_with_buffer(server: &Server, size: u32) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(size).unwrap();
        Self { stream: socket.connect(server.address.parse().unwrap()).await.unwrap(), received: Vec::new() }
    }

    /// Sends these bytes. The server may answer and close the connection before it has read them all.
    pub async fn write(&mut self, bytes: &[u8]) {
        let _ = patiently("taking of a request", self.stream.write_all(bytes)).await;
    }

    /// Sends as many of these bytes as fit into the send buffer, and returns their number.
    pub fn write_at_once(&mut self, bytes: &[u8]) -> usize {
        self.stream.try_write(bytes).unwrap_or_default()
    }

    /// Sends these bytes repeatedly, without reading, until the server closes the connection.
    pub async fn write_until_closed(&mut self, bytes: &[u8]) {
        patiently("end of the connection", async { while self.stream.write_all(bytes).await.is_ok() {} }).await;
    }

    /// Returns `true` if there is something to read.
    pub fn has_more(&mut self) -> bool {
        self.stream.try_read_buf(&mut self.received).is_ok()
    }

    /// Reads the next answer according to its `Content-Length`.
    pub async fn answer(&mut self) -> Answer {
        patiently("answer", async { while self.next().is_none() && self.read().await {} }).await;
        self.take_next()
    }

    /// Reads the next answer while sending these bytes ten times a second.
    pub async fn answer_to_a_trickle(&mut self, bytes: &[u8]) -> Answer {
        let trickle = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(100));
            while self.next().is_none() {
                tokio::select! {
                    open = async { self.stream.read_buf(&mut self.received).await.unwrap_or_default() > 0 } => {
                        if !open { break }
                    }
                    _ = ticks.tick() => drop(self.stream.try_write(bytes)),
                }
            }
        };
        patiently("answer to a trickle", trickle).await;
        self.take_next()
    }

    /// Reads all further answers, until the server closes the connection.
    pub async fn answers(&mut self) -> Vec<Answer> {
        self.received = self.rest().await;
        std::iter::from_fn(|| (!self.received.is_empty()).then(|| self.take_next())).collect()
    }

    /// Reads until the server closes the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        patiently("end of the connection", async { while self.read().await {} }).await;
        std::mem::take(&mut self.received)
    }

    /// Reads more bytes. Returns `false` at the end of the stream.
    async fn read(&mut self) -> bool {
        self.stream.read_buf(&mut self.received).await.unwrap_or_default() > 0
    }

    /// Returns the end of the next answer if it has been received completely.
    fn next(&self) -> Option<usize> {
        let head = self.received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let length =
            Answer::parse(&self.received[..head]).header("content-length").map_or(0, |length| length.parse().unwrap());
        (self.received.len() >= head + length).then_some(head + length)
    }

    fn take_next(&mut self) -> Answer {
        let end = self.next().unwrap_or(self.received.len());
        Answer::parse(&self.received.drain(..end).collect::<Vec<_>>())
    }
}

async fn patiently<T>(what: &str, done: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, done).await.unwrap_or_else(|_| panic!("no {what}"))
}

/// Formats a request. Adds `Host`, `Connection: close` and, for a body, `Content-Length`.
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
