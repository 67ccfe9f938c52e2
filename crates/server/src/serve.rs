//! The HTTP server, from the first connection to the last.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use anyhow::Context;
use taskbridge_web::Stopping;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::compose::{Composition, compose};
use crate::metrics;
use crate::settings::Settings;

/// Serves until SIGINT or SIGTERM. Then the server is not ready any more, but goes on for as long as load balancers
/// need to notice; then no more connections are taken, requests under way are finished within the time allowed, and the
/// store is closed.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Bound first: the port, when the system chooses it, is part of the origin; and a second server does not touch
    // the store of the first.
    let (listener, address) = listen(SocketAddr::new(settings.server.host, settings.server.port))?;
    let metrics = settings.server.metrics.map(|address| listen(address).context("metrics.address")).transpose()?;
    let metrics_address = metrics.as_ref().map(|(_, address)| tracing::field::display(*address));
    let mode = settings.auth.mode.name();
    let origin = settings.auth.mode.origin(address.port());

    let Composition { services, store, registry } = compose(&settings, &origin).await?;
    let stop = stop_signal(services.stopping.clone(), settings.server.drain).context("cannot wait for signals")?;
    let server = HttpServer::new(move || {
        App::new()
            .configure(taskbridge_web::api(services.clone()))
            .wrap(taskbridge_web::security_headers())
            .wrap(from_fn(taskbridge_web::access_log))
    })
    .workers(settings.server.workers)
    .shutdown_signal(stop)
    .shutdown_timeout(settings.server.shutdown.as_secs())
    .listen(listener)
    .context("cannot listen")?
    .run();
    let metrics =
        metrics.map(|(listener, _)| metrics::serve(listener, registry)).transpose()?.map(actix_web::rt::spawn);
    tracing::info!(%address, origin, mode, metrics = metrics_address, "ready");
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

/// Ends when no more connections are to be taken: that long after the signal to stop, or at the second one.
fn stop_signal(stopping: Stopping, drain: Duration) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut signals =
        Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
    Ok(async move {
        signals.next().await;
        tracing::info!(drain_seconds = drain.as_secs(), "stopping");
        stopping.begin();
        let _ = timeout(drain, signals.next()).await;
    })
}

/// What process managers and people send.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
