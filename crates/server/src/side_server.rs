//! A small HTTP server beside the API.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use taskbridge_web::HttpMetrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::connection::Timeouts;
use crate::connection_table::{ConnectionLimits, ConnectionTable};
use crate::http_server::HttpServer;
use crate::http_service::Http;
use crate::workers::Workers;

/// Maximum number of open connections.
const MAX_CONNECTIONS: usize = 64;
/// Maximum time that requests may take to finish when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// A server beside the API, for health checks or metrics. It has a thread and connections of its own, so that it works
/// while the API has no room for connections.
pub(crate) struct SideServer {
    /// The server stops when this is dropped.
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl SideServer {
    /// Starts the server. Connections that it refuses are counted in `metrics`.
    ///
    /// # Errors
    /// Returns an error if its thread cannot be started.
    pub(crate) async fn start<H: Http>(
        listener: TcpListener,
        timeouts: Timeouts,
        metrics: Arc<HttpMetrics>,
        new_service: impl Fn() -> H + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        let connections = ConnectionTable::new(ConnectionLimits {
            total: MAX_CONNECTIONS,
            per_network: MAX_CONNECTIONS,
            trusted_proxies: Vec::new(),
        });
        let workers = Workers::start(1, timeouts, new_service).await?;
        let server = HttpServer::new(listener, connections, workers, metrics);
        let (stop, stopped) = oneshot::channel();
        let running = actix_web::rt::spawn(server.run(async { _ = stopped.await }, SHUTDOWN_TIMEOUT));
        Ok(Self { stop, running })
    }

    /// Begins to stop the server. The returned task ends when the connections have been closed.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.running
    }
}
