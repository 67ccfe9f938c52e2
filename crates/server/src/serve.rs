//! The HTTP server, from the first connection to the last.

use std::future::ready;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, Server, fn_service};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::compose::{Composition, compose};
use crate::connection::Connection;
use crate::settings::{Origin, Settings};

/// How long the head of a request may take, unless requests must be quicker still.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection that is being closed is read on, so that the client gets to see the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// Serves until SIGINT or SIGTERM; then no more connections are taken, requests under way are finished within the
/// time allowed, and the store is closed.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let address = SocketAddr::new(settings.server.host, settings.server.port);
    // Bound first: the port, when the system chooses it, is part of the origin; and a second server does not touch
    // the store of the first.
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot tell the address listened on")?;
    let origin = match &settings.auth.origin {
        Origin::Given(origin) => origin.clone(),
        Origin::Local => format!("http://localhost:{}", address.port()),
    };

    let Composition { services, store } = compose(&settings, &origin).await?;
    let app = move || {
        App::new()
            .configure(taskbridge_web::api(services.clone()))
            .wrap(from_fn(taskbridge_web::limits))
            .wrap(from_fn(taskbridge_web::cors))
            .wrap(from_fn(taskbridge_web::security_headers))
            .wrap(from_fn(taskbridge_web::access_log))
    };
    let keep_alive = settings.server.keep_alive;
    let head = HEAD.min(settings.server.request_timeout);
    // What takes longer has been answered, and longer ago than any clock of ours is coarse.
    let patience = head + settings.server.request_timeout + LINGER;
    let server = Server::build();
    let stop = server.graceful_shutdown_signal();
    // As `HttpServer` does it, which takes plain TCP streams only.
    let server = server
        .workers(settings.server.workers)
        .max_concurrent_connections((max_connections(settings.server.max_connections) / settings.server.workers).max(1))
        .shutdown_timeout(settings.server.shutdown.as_secs())
        .listen("taskbridge", listener, move || {
            let stop = stop.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let stop = stop.clone();
                    async move { stop.notified().await }
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
    tracing::info!(%address, origin, mode = "server", "ready");
    server.await.context("the server failed")?;
    store.close().await.context("the database was not closed in order")?;
    tracing::info!("stopped");
    Ok(())
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
