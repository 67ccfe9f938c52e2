//! Graceful shutdown: from the signal to the end of the last request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use taskbridge_web::{HttpMetrics, Stopping};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// The parts of the server that a graceful shutdown uses, and its timeouts.
pub(crate) struct Shutdown {
    pub(crate) stopping: Stopping,
    pub(crate) requests: Arc<HttpMetrics>,
    /// Time from the signal until new connections are no longer accepted. During this time, load balancers can notice
    /// that the server is not ready.
    pub(crate) drain: Duration,
    /// Maximum time that running requests may take to finish after `drain`.
    pub(crate) limit: Duration,
    /// When its value is set to `true`, each connection closes after its current request.
    pub(crate) closing: watch::Sender<bool>,
}

impl Shutdown {
    /// Waits for SIGTERM or SIGINT, then stops `server` gracefully. A second signal ends the time `drain` early.
    pub(crate) async fn run(self, mut signals: Signals, server: ServerHandle) {
        signals.next().await;
        tracing::info!(drain_seconds = self.drain.as_secs(), "stopping");
        self.stopping.begin();
        let _ = timeout(self.drain, signals.next()).await;
        server.pause().await;
        self.closing.send_replace(true);
        // No worker thread may end while any worker still handles a request: that request may use a database connection
        // that is registered with the runtime of another worker.
        let idle = async {
            while !self.requests.is_idle() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let is_idle = timeout(self.limit, idle).await.is_ok();
        server.stop(is_idle).await;
    }
}

/// The signals that stop the server: SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen for the signals.
    ///
    /// # Errors
    /// Returns an error if a signal handler cannot be installed.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
