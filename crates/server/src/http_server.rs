//! An HTTP server: it accepts connections, distributes them among its workers, and stops gracefully.
//!
//! actix-web's `HttpServer` serves plain TCP streams only, not a [`Connection`](crate::connection::Connection).
//! actix-server, on which it is built, closes its listener and ends all idle workers in one step. The requests of the
//! other workers may still use database connections that are registered with the runtimes of the idle ones.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taskbridge_web::HttpMetrics;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{sleep, timeout};

use crate::connection_table::ConnectionTable;
use crate::refusals::Refusals;
use crate::workers::{Accepted, Workers};

/// Maximum number of connections that wait to be accepted. The system may have a lower limit.
const BACKLOG: u32 = 1024;
/// Maximum number of bytes that the system takes for a client whose connection cannot carry them yet. If it took more, a
/// slow client would seem to read nothing for a long time. It is also memory of the system for each such client.
#[cfg(target_os = "linux")]
const MAX_UNSENT: u32 = 32 * 1024;
/// Time until the next attempt after a failure to accept a connection, for example because too many files are open.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);
/// Maximum time for which the server waits for requests that it has cancelled.
const CANCELLATION: Duration = Duration::from_millis(250);

/// Listens on `address`. Connections wait until a server accepts them.
///
/// # Errors
/// Returns an error if the address cannot be used.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Otherwise the address could not be used for a minute after a previous process has closed its connections.
    socket.set_reuseaddr(true)?;
    // Accepted connections have the same option.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(MAX_UNSENT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A listener, its open connections, and the workers that serve them.
pub(crate) struct HttpServer {
    listener: TcpListener,
    connections: Arc<ConnectionTable>,
    workers: Workers,
    refusals: Refusals,
}

impl HttpServer {
    /// Creates a server. Connections wait until [`run`](Self::run) is called. Those that it refuses are counted in
    /// `metrics`.
    pub(crate) fn new(
        listener: TcpListener,
        connections: Arc<ConnectionTable>,
        workers: Workers,
        metrics: Arc<HttpMetrics>,
    ) -> Self {
        Self { listener, connections, workers, refusals: Refusals::new(metrics) }
    }

    /// Serves connections until `stop` completes. Then accepts the connections that wait in the backlog, closes the
    /// listener, and returns when all requests have been answered or `limit` has passed.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>, limit: Duration) {
        tokio::select! {
            () = stop => {}
            () = self.accept_forever() => {}
        }
        let Self { listener, connections, mut workers, mut refusals } = self;
        if let Ok(listener) = listener.into_std() {
            // A client that keeps connecting cannot keep the listener open.
            for _ in 0..=BACKLOG {
                match listener.accept() {
                    Ok((stream, peer)) => serve(&connections, &mut workers, &mut refusals, stream, peer),
                    Err(error) if concerns_connection(&error) => {}
                    Err(_) => break,
                }
            }
        }
        connections.close_all();
        if timeout(limit, connections.all_closed()).await.is_err() {
            tracing::warn!("requests have not ended in time and are cancelled");
        }
        // All workers end together, because a request may use a database connection that is registered with the runtime
        // of another worker.
        drop(workers);
        let _ = timeout(CANCELLATION, connections.all_closed()).await;
    }

    async fn accept_forever(&mut self) {
        loop {
            self.connections.room().await;
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => {
                    serve(&self.connections, &mut self.workers, &mut self.refusals, stream, peer);
                }
                Err(error) if concerns_connection(&error) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "cannot accept a connection");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

/// Serves a connection that has been accepted, or refuses it.
fn serve(
    connections: &Arc<ConnectionTable>,
    workers: &mut Workers,
    refusals: &mut Refusals,
    stream: TcpStream,
    peer: SocketAddr,
) {
    match connections.open(peer.ip()) {
        Some(place) => workers.serve(Accepted { stream, peer, place }),
        None => refusals.refuse(stream, peer, connections.refused()),
    }
}

/// Returns `true` if a failure to accept a connection concerns only this connection.
fn concerns_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises this process's limit on open files as far as the system allows. Returns the maximum number of connections:
/// `wished`, but at most half of the limit on open files.
pub(crate) fn max_connections(wished: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum } else { current };
    let most = files.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    if wished > most {
        tracing::warn!(wished, most, "server.max_connections is more than half of the files that may be open");
    }
    wished.min(most)
}
