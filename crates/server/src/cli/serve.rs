//! `taskbridge serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use anyhow::Context;
use taskbridge_web::{app, health_app};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::compose::{Composition, compose};
use crate::connection_table::{ConnectionLimits, ConnectionTable};
use crate::http_server::{self, HttpServer, max_connections};
use crate::http_service::{Limits, http};
use crate::metrics::metrics_app;
use crate::settings::{AuthMode, Settings};
use crate::side_server::SideServer;
use crate::signals::{Signals, ignore_hangups};
use crate::telemetry::LogQueue;
use crate::workers::Workers;

/// Maximum time to stop the servers for health checks and metrics, and to close the store.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(600);

/// Serves requests until SIGTERM or SIGINT, then shuts down gracefully and closes the store.
pub(super) async fn run(settings: &Settings, mode: &AuthMode, log: Option<&LogQueue>) -> anyhow::Result<()> {
    ignore_hangups().context("cannot listen for signals")?;
    let Settings { server, .. } = settings;
    // Listen before opening the store, for two reasons. The origin contains the port, which the system may choose. And
    // if the server is started twice, the second process must fail on the occupied port before it migrates the
    // database.
    let (listener, address) = listen(SocketAddr::new(server.host, server.port.get()))?;
    let health = listen_if_set(settings.health.address).context("health.address")?;
    let metrics = listen_if_set(settings.metrics.address).context("metrics.address")?;
    let [health_address, metrics_address] =
        [&health, &metrics].map(|side| side.as_ref().map(|(_, address)| tracing::field::display(*address)));
    let origin = mode.origin(address.port());

    let total = max_connections(server.max_connections.get());
    let connections = ConnectionTable::new(ConnectionLimits {
        total,
        per_network: server.max_connections_per_network(total),
        trusted_proxies: server.trusted_proxies.clone(),
    });
    let Composition { services, store, registry, cleanup } =
        compose(settings, mode, &origin, log, Arc::clone(&connections)).await?;
    let (stopping, http_metrics) = (services.stopping.clone(), Arc::clone(&services.metrics));
    let limits =
        Limits::new(server.keep_alive_seconds.get(), server.request_seconds.get(), server.unread_seconds.get());
    let api = services.clone();
    let workers =
        Workers::start(server.workers.get(), limits.connection, move || http(app(api.clone()), limits)).await?;
    let api = HttpServer::new(listener, connections, workers, Arc::clone(&http_metrics));
    let signals = Signals::listen().context("cannot listen for signals")?;
    let mut sides = Vec::new();
    if let Some((listener, _)) = health {
        let new_service = move || http(health_app(services.clone()), limits);
        sides.push(SideServer::start(listener, limits.connection, Arc::clone(&http_metrics), new_service).await?);
    }
    if let Some((listener, _)) = metrics {
        let registry = Data::new(registry);
        let new_service = move || http(metrics_app(registry.clone()), limits);
        sides.push(SideServer::start(listener, limits.connection, http_metrics, new_service).await?);
    }
    let cleanup = cleanup.map(|cleanup| actix_web::rt::spawn(cleanup.run()));
    let mode = mode.name().as_str();
    tracing::info!(%address, origin, mode, health = health_address, metrics = metrics_address, "ready");
    api.run(signals.drained(stopping, server.drain_seconds.get()), server.shutdown_seconds.get()).await;
    if let Some(cleanup) = cleanup {
        cleanup.abort();
    }
    let close = async {
        // Requests to the API may have used database connections that are registered with the threads of these servers.
        let stopping: Vec<_> = sides.into_iter().map(SideServer::stop).collect();
        for side in stopping {
            let _ = side.await;
        }
        store.close().await;
    };
    if timeout(CLOSE_TIMEOUT, close).await.is_err() {
        tracing::warn!("the connections to the database have not been closed in time");
    }
    tracing::info!("stopped");
    Ok(())
}

fn listen_if_set(address: Option<SocketAddr>) -> anyhow::Result<Option<(TcpListener, SocketAddr)>> {
    address.map(listen).transpose()
}

/// Listens on `address`. Also returns the actual address, because with port 0, the system chooses the port.
fn listen(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = http_server::listen(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot read the address of the listener")?;
    Ok((listener, address))
}
