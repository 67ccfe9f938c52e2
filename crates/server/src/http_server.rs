//! The HTTP server of the API: it accepts connections, distributes them among its workers, and stops gracefully.
//!
//! actix-web's `HttpServer` serves plain TCP streams only, not a [`Connection`](crate::connection::Connection).
//! actix-server, on which it is built, closes its listener and ends all idle workers in one step. The requests of the
//! other workers may still use database connections that are registered with the runtimes of the idle ones.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taskbridge_web::Services;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::settings::ServerSettings;
use crate::workers::{Accepted, Workers};

/// Time until the next attempt after a failure to accept a connection, for example because too many files are open.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);
/// Maximum time for which the server waits for requests that it has cancelled.
const CANCELLATION: Duration = Duration::from_millis(500);

/// A listener and the workers that serve its connections.
pub(crate) struct HttpServer {
    listener: TcpListener,
    workers: Workers,
    /// One permit for each connection that may still be opened.
    permits: Arc<Semaphore>,
    /// Becomes `true` when the listener has been closed. Each connection has a receiver.
    closing: watch::Sender<bool>,
}

impl HttpServer {
    /// Starts the workers. Connections wait until [`run`](Self::run) is called.
    ///
    /// # Errors
    /// Returns an error if the listener cannot be used or a worker cannot be started.
    pub(crate) async fn start(
        listener: std::net::TcpListener,
        services: &Services,
        settings: &ServerSettings,
    ) -> anyhow::Result<Self> {
        let permits = Arc::new(Semaphore::new(max_connections(settings.max_connections.get())));
        let workers = Workers::start(services, settings).await?;
        listener.set_nonblocking(true).context("cannot use the listener")?;
        let listener = TcpListener::from_std(listener).context("cannot use the listener")?;
        Ok(Self { listener, workers, permits, closing: watch::Sender::new(false) })
    }

    /// Serves connections until `stop` completes. Then accepts the connections that wait in the backlog, closes the
    /// listener, and returns when all requests have been answered or `limit` has passed.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>, limit: Duration) {
        tokio::select! {
            () = stop => {}
            () = self.accept_forever() => {}
        }
        let Self { listener, mut workers, closing, .. } = self;
        if let Ok(listener) = listener.into_std() {
            loop {
                match listener.accept() {
                    // The backlog is short, so that these connections need no permits.
                    Ok((stream, peer)) => {
                        workers.serve(Accepted { stream, peer, closing: closing.subscribe(), permit: None });
                    }
                    Err(error) if concerns_connection(&error) => {}
                    Err(_) => break,
                }
            }
        }
        closing.send_replace(true);
        if timeout(limit, closing.closed()).await.is_err() {
            tracing::warn!("requests have not ended within server.shutdown_seconds and are cancelled");
        }
        // All workers end together, because a request may use a database connection that is registered with the runtime
        // of another worker.
        drop(workers);
        let _ = timeout(CANCELLATION, closing.closed()).await;
    }

    async fn accept_forever(&mut self) {
        loop {
            let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
                Ok((stream, peer)) => {
                    self.workers.serve(Accepted { stream, peer, closing: self.closing.subscribe(), permit });
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

/// Returns `true` if a failure to accept a connection concerns only this connection.
fn concerns_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Raises this process's limit on open files as far as the system allows. Returns the maximum number of connections:
/// `wished`, but at most half of the limit on open files.
fn max_connections(wished: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = if raised.is_ok() { maximum } else { current };
    let most = files.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    if wished > most {
        tracing::warn!(wished, most, "server.max_connections is more than half of the files that may be open");
    }
    wished.min(most)
}
