//! The HTTP server. It is assembled in the same way as actix-web's `HttpServer`, which cannot be used because it
//! accepts only plain TCP streams, not a `Connection`.

use std::future::ready;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::{AppConfig, Server, fn_service};
use actix_web::rt::net::TcpStream;
use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taskbridge_web::{Services, app};
use tokio::sync::watch;

use crate::connection::{Connection, Timeouts};
use crate::settings::ServerSettings;

/// Maximum time in which a client must send the head of the first request on a connection. If the request timeout is
/// shorter, it applies instead.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time for which the server keeps reading from a connection after its last response. If a socket were closed
/// with unread bytes, the connection would be reset, and the client could lose the response.
const LINGER: Duration = Duration::from_secs(1);

/// Starts the server of the API on `listener`. When `closing` becomes `true`, each connection closes after its current
/// request.
pub(crate) fn start(
    listener: TcpListener,
    services: Services,
    settings: &ServerSettings,
    closing: watch::Receiver<bool>,
) -> anyhow::Result<Server> {
    let keep_alive = settings.keep_alive_seconds.get();
    let request_timeout = settings.request_seconds.get();
    let workers = settings.workers.get();
    let head = HEAD_TIMEOUT.min(request_timeout);
    let timeouts = Timeouts { next_head: keep_alive + head, write: request_timeout, linger: LINGER };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections((max_connections(settings.max_connections.get()) / workers).max(1))
        .disable_signals()
        .shutdown_timeout(settings.shutdown_seconds.get().as_secs())
        .listen("taskbridge", listener, move || {
            let closing = closing.clone();
            let http = HttpService::build()
                .graceful_shutdown_signal(move || {
                    let mut closing = closing.clone();
                    async move { _ = closing.wait_for(|is_closing| *is_closing).await }
                })
                .on_connect_ext(|connection: &Connection, data| _ = data.insert(connection.phase().clone()))
                .keep_alive(keep_alive)
                .client_request_timeout(head)
                .client_disconnect_timeout(LINGER)
                .h1_allow_half_closed(false)
                .h1(map_config(app(services.clone()).into_factory().map_err(|error| error.error_response()), |()| {
                    AppConfig::default()
                }));
            let open = move |stream: TcpStream| {
                let peer = stream.peer_addr().ok();
                ready(Ok::<_, DispatchError>((Connection::new(stream, timeouts), peer)))
            };
            fn_service(open).and_then(http)
        })
        .context("cannot listen")?;
    Ok(server.run())
}

/// Raises this process's limit on open files as far as the system allows. Returns the maximum number of connections:
/// `wished`, but at most half of the limit on open files.
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
