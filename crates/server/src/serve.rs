//! The HTTP server, from the first connection to the last.

use std::future::ready;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server, ServerHandle, fn_service};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taskbridge_web::{HttpMetrics, Stopping};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::compose::{Composition, compose};
use crate::connection::Connection;
use crate::metrics;
use crate::settings::{AuthMode, Settings};

/// How long the head of a request may take, unless requests must be quicker still.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection that is being closed is read on, so that the client gets to see the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// Serves until SIGINT or SIGTERM. Then the server is not ready any more, but goes on for as long as load balancers
/// need to notice; then no more connections are taken, requests under way are finished within the time allowed, and the
/// store is closed.
pub(crate) async fn serve(settings: &Settings, mode: &AuthMode) -> anyhow::Result<()> {
    // Bound first: the port, when the system chooses it, is part of the origin; and a second server does not touch
    // the store of the first.
    let (listener, address) = listen(SocketAddr::new(settings.server.host, settings.server.port.get()))?;
    let metrics = settings.metrics.address.map(|address| listen(address).context("metrics.address")).transpose()?;
    let metrics_address = metrics.as_ref().map(|(_, address)| tracing::field::display(*address));
    let origin = mode.origin(address.port());

    let Composition { services, store, registry, cleanup } = compose(settings, mode, &origin).await?;
    let signals = Signals::new().context("cannot wait for signals")?;
    let closing = watch::Sender::new(false);
    let stop = Stop {
        stopping: services.stopping.clone(),
        requests: Arc::clone(&services.metrics),
        drain: settings.server.drain_seconds.get(),
        limit: settings.server.shutdown_seconds.get(),
        closing: closing.clone(),
    };
    let app = move || {
        App::new()
            .configure(taskbridge_web::api(services.clone()))
            .wrap(from_fn(taskbridge_web::limits))
            .wrap(from_fn(taskbridge_web::cors))
            .wrap(from_fn(taskbridge_web::security_headers))
            .wrap(from_fn(taskbridge_web::access_log))
    };
    let keep_alive = settings.server.keep_alive_seconds.get();
    let request_timeout = settings.server.request_seconds.get();
    let workers = settings.server.workers();
    let head = HEAD.min(request_timeout);
    // What takes longer has been answered, and longer ago than any clock of ours is coarse.
    let patience = head + request_timeout + LINGER;
    // As `HttpServer` does it, which takes plain TCP streams only.
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections((max_connections(settings.server.max_connections.get()) / workers).max(1))
        .disable_signals()
        .shutdown_timeout(settings.server.shutdown_seconds.get().as_secs())
        .listen("taskbridge", listener, move || {
            let closing = closing.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let mut closing = closing.subscribe();
                    async move { _ = closing.wait_for(|is_closing| *is_closing).await }
                })
                .on_connect_ext(|connection: &Connection, data| _ = data.insert(connection.turn().clone()))
                .keep_alive(keep_alive)
                .client_request_timeout(head)
                .client_disconnect_timeout(LINGER)
                .h1(map_config(app().into_factory().map_err(|error| error.error_response()), |()| {
                    AppConfig::default()
                }));
            let open = move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                ready(Ok::<_, DispatchError>((Connection::new(stream, patience), peer)))
            };
            fn_service(open).and_then(http)
        })
        .context("cannot listen")?
        .run();
    actix_web::rt::spawn(stop.after(signals, server.handle()));
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
    /// Tells connections to end after the request they are at, if any.
    closing: watch::Sender<bool>,
}

impl Stop {
    /// Waits for the signal to stop; a second one cuts the wait for balancers short.
    async fn after(self, mut signals: Signals, server: ServerHandle) {
        signals.next().await;
        tracing::info!(drain_seconds = self.drain.as_secs(), "stopping");
        self.stopping.begin();
        let _ = timeout(self.drain, signals.next()).await;
        server.pause().await;
        self.closing.send_replace(true);
        // No thread ends before the last request has: a connection to the database may be registered with its runtime.
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

/// How many connections there may be: as many as are wished for, but no more than half of the files that the process
/// may open. It takes all that the system grants it.
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
