//! Answers to connections that are refused because their client network has too many.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskbridge_web::{HttpMetrics, RefusalCause};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The answer to each request on such a connection.
const ANSWER: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// Maximum number of connections that are being answered. Further ones are closed without an answer.
const MAX_ANSWERED: usize = 64;
/// Maximum time until the client has received the answer. If the socket were closed while it has unread bytes, the client
/// could lose the answer.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Maximum number of bytes to read of the request.
const MAX_READ: u64 = 64 * 1024;
/// Minimum time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Refuses connections.
#[derive(Debug)]
pub(crate) struct Refusals {
    permits: Arc<Semaphore>,
    metrics: Arc<HttpMetrics>,
    logged: Option<Instant>,
}

impl Refusals {
    /// Creates a value that counts the connections that it refuses in `metrics`.
    pub(crate) fn new(metrics: Arc<HttpMetrics>) -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_ANSWERED)), metrics, logged: None }
    }

    /// Refuses a connection without waiting for its client. `refused` is the number of refused connections, for the log.
    pub(crate) fn refuse(&mut self, stream: TcpStream, peer: SocketAddr, refused: u64) {
        let cause = RefusalCause::TooManyConnections;
        self.metrics.count_refusal(cause);
        if self.logged.is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL) {
            self.logged = Some(Instant::now());
            let peer = peer.ip();
            let cause = cause.word();
            tracing::warn!(%peer, refused, cause, "too many connections from the network of a client; see server.max_connections_per_network");
        }
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(TIMEOUT, answer(stream)).await;
                drop(permit);
            });
        }
    }
}

async fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    stream.write_all(ANSWER).await?;
    stream.shutdown().await?;
    copy(&mut stream.take(MAX_READ), &mut sink()).await?;
    Ok(())
}
