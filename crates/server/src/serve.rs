//! The HTTP server, from the first connection to the last.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use anyhow::Context;
use taskbridge_web::{HttpMetrics, Stopping};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use crate::compose::{Composition, compose};
use crate::metrics;
use crate::settings::{Origin, Settings};

/// Serves until SIGINT or SIGTERM. Then the server is not ready any more, but goes on for as long as load balancers
/// need to notice; then no more connections are taken, requests under way are finished within the time allowed, and the
/// store is closed.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Bound first: the port, when the system chooses it, is part of the origin; and a second server does not touch
    // the store of the first.
    let (listener, address) = listen(SocketAddr::new(settings.server.host, settings.server.port))?;
    let metrics = settings.server.metrics.map(|address| listen(address).context("metrics.address")).transpose()?;
    let metrics_address = metrics.as_ref().map(|(_, address)| tracing::field::display(*address));
    let origin = match &settings.auth.origin {
        Origin::Given(origin) => origin.clone(),
        Origin::Local => format!("http://localhost:{}", address.port()),
    };

    let Composition { services, store, registry } = compose(&settings, &origin).await?;
    let signals = Signals::new().context("cannot wait for signals")?;
    let stop = Stop {
        stopping: services.stopping.clone(),
        requests: Arc::clone(&services.metrics),
        drain: settings.server.drain,
        limit: settings.server.shutdown,
    };
    let server = HttpServer::new(move || {
        App::new()
            .configure(taskbridge_web::api(services.clone()))
            .wrap(taskbridge_web::security_headers())
            .wrap(from_fn(taskbridge_web::access_log))
    })
    .workers(settings.server.workers)
    .disable_signals()
    .shutdown_timeout(settings.server.shutdown.as_secs())
    .listen(listener)
    .context("cannot listen")?
    .run();
    actix_web::rt::spawn(stop.after(signals, server.handle()));
    let metrics =
        metrics.map(|(listener, _)| metrics::serve(listener, registry)).transpose()?.map(actix_web::rt::spawn);
    tracing::info!(%address, origin, mode = "server", metrics = metrics_address, "ready");
    server.await.context("the server failed")?;
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    store.close().await.context("the database was not closed in order")?;
    tracing::info!("stopped");
    Ok(())
}

/// Listens, and tells where: the system may have chosen the port.
fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    Ok((listener, address))
}

/// How the server is stopped.
struct Stop {
    stopping: Stopping,
    requests: Arc<HttpMetrics>,
    /// How long it goes on, for balancers to notice.
    drain: Duration,
    /// How long requests may finish then.
    limit: Duration,
}

impl Stop {
    /// Waits for the signal to stop; a second one cuts the wait for balancers short.
    async fn after(self, mut signals: Signals, server: ServerHandle) {
        signals.next().await;
        tracing::info!(drain_seconds = self.drain.as_secs(), "stopping");
        self.stopping.begin();
        let _ = timeout(self.drain, signals.next()).await;
        server.pause().await;
        // No thread may end before the last request has: a connection to the database lives on the thread that opened
        // it, and serves all.
        let idle = async {
            while !self.requests.is_idle() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let in_order = timeout(self.limit, idle).await.is_ok();
        server.stop(in_order).await;
    }
}

/// What process managers and people send to have it stopped.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
