//! The threads that serve connections.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread;

use actix_service::Service;
use anyhow::{Context, anyhow};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::connection::{Connection, Timeouts};
use crate::connection_table::Place;
use crate::http_service::Http;

/// A connection that has been accepted.
pub(crate) struct Accepted {
    pub(crate) stream: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Place,
}

/// The threads that serve connections, which end when this is dropped.
pub(crate) struct Workers {
    workers: Vec<UnboundedSender<Accepted>>,
    /// Index of the worker that serves the next connection.
    next: usize,
}

impl Workers {
    /// Starts `count` threads, each with a service of its own.
    ///
    /// # Errors
    /// Returns an error if a thread, its runtime or its service cannot be started.
    pub(crate) async fn start<H: Http>(
        count: usize,
        timeouts: Timeouts,
        new_service: impl Fn() -> H + Clone + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (mut workers, mut starting) = (Vec::new(), Vec::new());
        for number in 0..count {
            let (worker, connections) = unbounded_channel();
            let (started, is_started) = oneshot::channel();
            let new_service = new_service.clone();
            let run = move || run(new_service, timeouts, started, connections);
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

/// Serves connections until the channel `connections` is closed, and then drops those that are open.
fn run<H: Http>(
    new_service: impl FnOnce() -> H,
    timeouts: Timeouts,
    started: oneshot::Sender<anyhow::Result<()>>,
    connections: UnboundedReceiver<Accepted>,
) {
    match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime.block_on(serve(new_service, timeouts, started, connections)),
        Err(error) => _ = started.send(Err(error).context("cannot start the runtime of a worker")),
    }
}

async fn serve<H: Http>(
    new_service: impl FnOnce() -> H,
    timeouts: Timeouts,
    started: oneshot::Sender<anyhow::Result<()>>,
    mut connections: UnboundedReceiver<Accepted>,
) {
    let Ok(service) = new_service().new_service(()).await else {
        let _ = started.send(Err(anyhow!("cannot start the service of a worker")));
        return;
    };
    let service = Rc::new(service);
    let _ = started.send(Ok(()));
    while let Some(Accepted { stream, peer, place }) = connections.recv().await {
        let service = Rc::clone(&service);
        spawn_local(async move {
            // It is dropped after the connection.
            let place = Rc::new(place);
            let stream = prepared(stream);
            if let Ok(stream) = stream
                && poll_fn(|context| service.poll_ready(context)).await.is_ok()
            {
                let connection = Connection::new(stream, timeouts, Rc::clone(&place));
                // The app has logged the errors of requests. Other errors end the connection.
                let _ = service.call((connection, Some(peer))).await;
            }
            drop(place);
        });
    }
}

/// Registers the stream with the runtime. Without `TCP_NODELAY`, the end of a response that is written in several parts
/// would wait until the client has acknowledged the rest, which can take 40 milliseconds.
fn prepared(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    tokio::net::TcpStream::from_std(stream)
}
