//! The signals of the process.

use std::io;
use std::time::Duration;

use taskbridge_web::Stopping;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

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

    /// Completes when the listener of the server is to be closed. The first signal begins the shutdown. After SIGTERM,
    /// load balancers have the time `drain` to notice that the server is not ready; a second signal ends this time
    /// early. SIGINT, which a terminal sends for Ctrl-C, does not wait.
    pub(crate) async fn drained(mut self, stopping: Stopping, drain: Duration) {
        let drain = tokio::select! {
            _ = self.terminate.recv() => drain,
            _ = self.interrupt.recv() => Duration::ZERO,
        };
        tracing::info!(drain_seconds = drain.as_secs(), "stopping");
        stopping.begin();
        let second = async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        };
        let _ = timeout(drain, second).await;
    }
}

/// Logs each SIGHUP, which would otherwise end the process.
///
/// # Errors
/// Returns an error if the signal handler cannot be installed.
pub(crate) fn ignore_hangups() -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP ignored; settings are read at the start only");
        }
    });
    Ok(())
}
