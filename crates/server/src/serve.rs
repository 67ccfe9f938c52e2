//! The HTTP server, from the first connection to the last.

use std::net::{SocketAddr, TcpListener};

use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use anyhow::Context;

use crate::compose::{Composition, compose};
use crate::settings::{AuthMode, Origin, ServerMode, Settings};

/// Serves until SIGINT or SIGTERM; then no more connections are taken, requests under way are finished within the
/// time allowed, and the store is closed.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let address = SocketAddr::new(settings.server.host, settings.server.port);
    // Bound first: the port, when the system chooses it, is part of the origin; and a second server does not touch
    // the store of the first.
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    let (mode, origin) = match &settings.auth.mode {
        AuthMode::Server(ServerMode { origin: Origin::Given(origin), .. }) => ("server", origin.clone()),
        AuthMode::Server(ServerMode { origin: Origin::Local, .. }) => {
            ("server", format!("http://localhost:{}", address.port()))
        }
        AuthMode::Bridge(bridge) => ("bridge", bridge.origin.clone()),
    };

    let Composition { services, store } = compose(&settings, &origin).await?;
    let server = HttpServer::new(move || {
        App::new()
            .configure(taskbridge_web::api(services.clone()))
            .wrap(taskbridge_web::security_headers())
            .wrap(from_fn(taskbridge_web::access_log))
    })
    .workers(settings.server.workers)
    .shutdown_timeout(settings.server.shutdown.as_secs())
    .listen(listener)
    .context("cannot listen")?
    .run();
    tracing::info!(%address, origin, mode, "ready");
    server.await.context("the server failed")?;
    store.close().await.context("the database was not closed in order")?;
    tracing::info!("stopped");
    Ok(())
}
