//! `taskbridge serve`.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use crate::compose::{Composition, compose};
use crate::settings::{AuthMode, Settings};
use crate::shutdown::{Shutdown, Signals};
use crate::{http_server, metrics};

/// Serves requests until SIGINT or SIGTERM, then shuts down gracefully and closes the store.
pub(super) async fn run(settings: &Settings, mode: &AuthMode) -> anyhow::Result<()> {
    // Listen before opening the store, for two reasons. The origin contains the port, which the system may choose. And
    // if the server is started twice, the second process must fail on the occupied port before it migrates the
    // database.
    let (listener, address) = listen(SocketAddr::new(settings.server.host, settings.server.port.get()))?;
    let metrics = settings.metrics.address.map(|address| listen(address).context("metrics.address")).transpose()?;
    let metrics_address = metrics.as_ref().map(|(_, address)| tracing::field::display(*address));
    let origin = mode.origin(address.port());

    let Composition { services, store, registry, cleanup } = compose(settings, mode, &origin).await?;
    let signals = Signals::listen().context("cannot listen for signals")?;
    let shutdown = Shutdown {
        stopping: services.stopping.clone(),
        requests: Arc::clone(&services.metrics),
        drain: settings.server.drain_seconds.get(),
        limit: settings.server.shutdown_seconds.get(),
        closing: watch::Sender::new(false),
    };
    let server = http_server::start(listener, services, &settings.server, shutdown.closing.subscribe())?;
    actix_web::rt::spawn(shutdown.run(signals, server.handle()));
    let metrics =
        metrics.map(|(listener, _)| metrics::serve(listener, registry)).transpose()?.map(actix_web::rt::spawn);
    let cleanup = cleanup.map(|cleanup| actix_web::rt::spawn(cleanup.run()));
    tracing::info!(%address, origin, mode = mode.name().as_str(), metrics = metrics_address, "ready");
    server.await.context("the server failed")?;
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
