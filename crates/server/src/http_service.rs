//! The HTTP/1.1 service of an app, and its timeouts.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{ConnectionType, HttpService, Request};
use actix_service::{IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::{App, Error};

use crate::connection::{Connection, Timeouts};
use crate::connection_table::Place;

/// Maximum time in which a client must send the head of the first request on a connection. If the request timeout is
/// shorter, it applies instead.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time for which the server keeps reading from a connection after its last response. If a socket were closed
/// with unread bytes, the connection would be reset, and the client could lose the response.
const LINGER: Duration = Duration::from_secs(1);
/// Maximum time to the end of a request's head on a connection that has been asked to close. It allows for the time that
/// the first request takes to arrive after the connection has been accepted.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// The timeouts of a server.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    keep_alive: Duration,
    first_head: Duration,
    pub(crate) connection: Timeouts,
}

impl Limits {
    /// Derives the timeouts from the time that an idle connection stays open, the maximum time for a request, and the
    /// maximum time that a client may pause while it reads a response.
    pub(crate) fn new(keep_alive: Duration, request: Duration, unread: Duration) -> Self {
        let first_head = HEAD_TIMEOUT.min(request);
        let next_head = keep_alive + first_head;
        Self {
            keep_alive,
            first_head,
            connection: Timeouts { next_head, last_head: LAST_HEAD, write: unread, linger: LINGER },
        }
    }
}

/// The HTTP service of an app.
pub(crate) trait Http:
    ServiceFactory<
        (Connection, Option<SocketAddr>),
        Config = (),
        Response = (),
        Error = DispatchError,
        InitError = (),
        Service: 'static,
    >
{
}

impl<S> Http for S where
    S: ServiceFactory<
            (Connection, Option<SocketAddr>),
            Config = (),
            Response = (),
            Error = DispatchError,
            InitError = (),
            Service: 'static,
        >
{
}

/// Returns the HTTP service of `app`.
pub(crate) fn http<T, B>(app: App<T>, limits: Limits) -> impl Http
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
            Future: 'static,
        > + 'static,
    B: MessageBody + 'static,
{
    let app = app.into_factory().map_err(|error| error.error_response());
    let app = apply_fn_factory(app, |request: Request, app| {
        let place = request.conn_data::<Rc<Place>>().cloned();
        if let Some(place) = &place {
            place.is_busy();
        }
        let response = app.call(request);
        async move {
            let mut outcome = response.await;
            if place.is_some_and(|place| place.is_asked_to_close()) {
                let head = match &mut outcome {
                    Ok(response) => response.response_mut().head_mut(),
                    Err(response) => response.head_mut(),
                };
                head.set_connection_type(ConnectionType::Close);
            }
            outcome
        }
    });
    HttpService::build()
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.phase().clone());
            data.insert(Rc::clone(connection.place()));
        })
        .keep_alive(limits.keep_alive)
        .client_request_timeout(limits.first_head)
        .client_disconnect_timeout(LINGER)
        .h1_allow_half_closed(false)
        .h1(map_config(app, |()| AppConfig::default()))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use actix_web::body::BoxBody;
    use actix_web::error::ErrorServiceUnavailable;
    use actix_web::middleware::{Next, from_fn};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::connection_table::{ConnectionLimits, ConnectionTable};

    const LONG: Duration = Duration::from_mins(1);

    /// The response may be that of an error that a middleware has returned.
    #[actix_web::test]
    async fn the_response_says_that_a_connection_which_was_asked_to_close_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let table = ConnectionTable::new(ConnectionLimits { total: 8, per_network: 8, trusted_proxies: Vec::new() });
        let (stream, peer) = listener.accept().await.unwrap();
        let place = Rc::new(table.open(peer.ip()).unwrap());
        let limits = Limits::new(LONG, LONG, LONG);
        let connection = Connection::new(stream, limits.connection, place);
        let failing = App::new().wrap(from_fn(move |_: ServiceRequest, _: Next<BoxBody>| {
            table.close_all();
            ready(Err::<ServiceResponse, _>(ErrorServiceUnavailable("failed")))
        }));
        let service = http(failing, limits).new_service(()).await.unwrap();
        let ask = async {
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let (served, answer) = tokio::join!(service.call((connection, None)), ask);
        served.unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("connection: close"), "{answer}");
    }
}
