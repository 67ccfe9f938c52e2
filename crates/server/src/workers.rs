//! The threads that serve connections.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, map_config};
use actix_web::dev::AppConfig;
use anyhow::{Context, anyhow};
use taskbridge_web::{Services, app};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::task::spawn_local;

use crate::connection::{Connection, Timeouts};
use crate::settings::ServerSettings;

/// Maximum time in which a client must send the head of the first request on a connection. If the request timeout is
/// shorter, it applies instead.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time for which the server keeps reading from a connection after its last response. If a socket were closed
/// with unread bytes, the connection would be reset, and the client could lose the response.
const LINGER: Duration = Duration::from_secs(1);
/// Maximum time from the close of the listener to the head of a request that has not arrived completely. It allows for
/// the time that the request of a connection takes to arrive if the connection was accepted last.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// A connection that has been accepted.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    /// Becomes `true` when the connection is to be closed as soon as it is idle. It is dropped after the connection.
    pub(crate) closing: watch::Receiver<bool>,
    /// The permit that the connection holds, if any.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// The threads that serve connections, which end when this is dropped.
pub(crate) struct Workers {
    workers: Vec<UnboundedSender<Accepted>>,
    /// Index of the worker that serves the next connection.
    next: usize,
}

impl Workers {
    /// Starts the threads, each with an app of its own.
    ///
    /// # Errors
    /// Returns an error if a thread, its runtime or its app cannot be started.
    pub(crate) async fn start(services: &Services, settings: &ServerSettings) -> anyhow::Result<Self> {
        let limits = Limits::new(settings);
        let (mut workers, mut starting) = (Vec::new(), Vec::new());
        for number in 0..settings.workers.get() {
            let (worker, connections) = unbounded_channel();
            let (started, is_started) = oneshot::channel();
            let services = services.clone();
            let run = move || run(services, limits, started, connections);
            thread::Builder::new().name(format!("worker {number}")).spawn(run).context("cannot start a worker")?;
            workers.push(worker);
            starting.push(is_started);
        }
        for is_started in starting {
            is_started.await.context("a worker failed to start")??;
        }
        Ok(Self { workers, next: 0 })
    }

    /// Serves a connection on one of the threads, in turn.
    pub(crate) fn serve(&mut self, connection: Accepted) {
        let _ = self.workers[self.next].send(connection);
        self.next = (self.next + 1) % self.workers.len();
    }
}

/// The timeouts of connections.
#[derive(Clone, Copy)]
struct Limits {
    keep_alive: Duration,
    first_head: Duration,
    connection: Timeouts,
}

impl Limits {
    fn new(settings: &ServerSettings) -> Self {
        let (keep_alive, request) = (settings.keep_alive_seconds.get(), settings.request_seconds.get());
        let first_head = HEAD_TIMEOUT.min(request);
        let next_head = keep_alive + first_head;
        Self {
            keep_alive,
            first_head,
            connection: Timeouts { next_head, last_head: LAST_HEAD, write: request, linger: LINGER },
        }
    }
}

/// Serves connections until the channel `connections` is closed, and then drops those that are open.
fn run(
    services: Services,
    limits: Limits,
    started: oneshot::Sender<anyhow::Result<()>>,
    connections: UnboundedReceiver<Accepted>,
) {
    match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime.block_on(serve(services, limits, started, connections)),
        Err(error) => _ = started.send(Err(error).context("cannot start the runtime of a worker")),
    }
}

async fn serve(
    services: Services,
    limits: Limits,
    started: oneshot::Sender<anyhow::Result<()>>,
    mut connections: UnboundedReceiver<Accepted>,
) {
    let Ok(service) = http(services, limits).new_service(()).await else {
        let _ = started.send(Err(anyhow!("cannot start the app of a worker")));
        return;
    };
    let service = Rc::new(service);
    let _ = started.send(Ok(()));
    while let Some(Accepted { stream, peer, closing, permit }) = connections.recv().await {
        let service = Rc::clone(&service);
        spawn_local(async move {
            let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::TcpStream::from_std(stream));
            if let Ok(stream) = stream
                && poll_fn(|context| service.poll_ready(context)).await.is_ok()
            {
                let connection = Connection::new(stream, limits.connection, closing.clone());
                // The app has logged the errors of requests. Other errors end the connection.
                let _ = service.call((connection, Some(peer))).await;
            }
            drop((closing, permit));
        });
    }
}

/// Returns the HTTP service of the app.
fn http(
    services: Services,
    limits: Limits,
) -> impl ServiceFactory<(Connection, Option<SocketAddr>), Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    HttpService::build()
        .on_connect_ext(|connection: &Connection, data| _ = data.insert(connection.phase().clone()))
        .keep_alive(limits.keep_alive)
        .client_request_timeout(limits.first_head)
        .client_disconnect_timeout(LINGER)
        .h1_allow_half_closed(false)
        .h1(map_config(app(services).into_factory().map_err(|error| error.error_response()), |()| AppConfig::default()))
}
