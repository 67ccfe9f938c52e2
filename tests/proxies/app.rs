//! A stand-in for the server of a Next.js app.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// The compressed body of `/compressed`.
pub(crate) const COMPRESSED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b, 0x54, 0x28, 0x48, 0x4c, 0x4f, 0x55, 0x48, 0x1c,
    0x0c, 0x14, 0x00, 0x39, 0xcb, 0xc4, 0x36, 0x8c, 0x00, 0x00, 0x00,
];

/// A path below that of the tasks at which the connection closes without an answer.
pub(crate) const CLOSING: &str = "/api/ann/tasks/closing";

/// A running app, which answers each request with what it has received. It stops on drop.
pub(crate) struct App {
    pub(crate) address: String,
    pub(crate) state: Arc<State>,
    task: JoinHandle<()>,
}

pub(crate) struct State {
    /// The keys that it publishes.
    keys: Vec<Value>,
    /// Lets `/streamed` send the second half of its body.
    pub(crate) second_half: Notify,
    /// Number of requests for [`CLOSING`].
    pub(crate) closed: AtomicUsize,
    /// Number of all other requests that have a path below `/api`.
    pub(crate) answered: AtomicUsize,
}

impl App {
    /// Starts an app at this address that publishes these keys.
    pub(crate) async fn start(address: &str, keys: Vec<Value>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let state = Arc::new(State {
            keys,
            second_half: Notify::new(),
            closed: AtomicUsize::default(),
            answered: AtomicUsize::default(),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connections.spawn(async move {
                    let _ = serve(connection, &state).await;
                });
            }
        });
        Self { address: address.to_owned(), state, task }
    }

    /// Stops the app and closes its connections.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers the requests of a connection.
async fn serve(connection: TcpStream, state: &State) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    while let Some((first, headers)) = head(&mut connection).await? {
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
        connection.read_exact(&mut body).await?;
        let [method, path, _] = first.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let received = json!({ "app": true, "method": method, "path": path, "headers": headers, "body": body.len() });
        if path.starts_with("/api/") && path != CLOSING {
            state.answered.fetch_add(1, Ordering::SeqCst);
        }
        match path {
            "/streamed" => {
                let first = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
                connection.write_all(first).await?;
                state.second_half.notified().await;
                connection.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await?;
            }
            CLOSING => {
                state.closed.fetch_add(1, Ordering::SeqCst);
                break;
            }
            "/compressed" => answer(&mut connection, "content-encoding: gzip\r\n", COMPRESSED).await?,
            "/many-headers" => {
                let links = format!("link: {}\r\nset-cookie: {}\r\n", "x".repeat(5000), "y".repeat(5000));
                answer(&mut connection, &links, received.to_string().as_bytes()).await?;
            }
            "/api/auth/jwks" => {
                answer(&mut connection, "", json!({ "keys": state.keys }).to_string().as_bytes()).await?;
            }
            _ => answer(&mut connection, "", received.to_string().as_bytes()).await?,
        }
    }
    Ok(())
}

async fn answer(connection: &mut BufReader<TcpStream>, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(body).await
}

/// Reads the head of a request: its first line, and the headers in lower case. Returns `None` at the end.
async fn head(connection: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, Vec<(String, String)>)>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        lines.push(line.to_owned());
    }
    let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Some((lines[0].clone(), headers)))
}
