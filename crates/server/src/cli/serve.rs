//! `taskbridge serve`.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;

use crate::compose::{Composition, compose};
use crate::http_server::HttpServer;
use crate::metrics;
use crate::settings::{AuthMode, Settings};
use crate::signals::{Signals, ignore_hangups};
use crate::telemetry::LogQueue;

/// Serves requests until SIGTERM or SIGINT, then shuts down gracefully and closes the store.
pub(super) async fn run(settings: &Settings, mode: &AuthMode, log: Option<&LogQueue>) -> anyhow::Result<()> {
    ignore_hangups().context("cannot listen for signals")?;
    // Listen before opening the store, for two reasons. The origin contains the port, which the system may choose. And
    // if the server is started twice, the second process must fail on the occupied port before it migrates the
    // database.
    let (listener, address) = listen(SocketAddr::new(settings.server.host, settings.server.port.get()))?;
    let metrics = settings.metrics.address.map(|address| listen(address).context("metrics.address")).transpose()?;
    let metrics_address = metrics.as_ref().map(|(_, address)| tracing::field::display(*address));
    let origin = mode.origin(address.port());

    let Composition { services, store, registry, cleanup } = compose(settings, mode, &origin, log).await?;
    let stopping = services.stopping.clone();
    let server = HttpServer::start(listener, &services, &settings.server).await?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let metrics =
        metrics.map(|(listener, _)| metrics::serve(listener, registry)).transpose()?.map(actix_web::rt::spawn);
    let cleanup = cleanup.map(|cleanup| actix_web::rt::spawn(cleanup.run()));
    tracing::info!(%address, origin, mode = mode.name().as_str(), metrics = metrics_address, "ready");
    let drained = signals.drained(stopping, settings.server.drain_seconds.get());
    server.run(drained, settings.server.shutdown_seconds.get()).await;
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    if let Some(cleanup) = cleanup {
        cleanup.abort();
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Listens on `address`. Also returns the actual address, because with port 0, the system chooses the port.
fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the address of the listener")?;
    Ok((listener, address))
}
