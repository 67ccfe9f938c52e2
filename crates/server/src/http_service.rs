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
            let mut response = response.await?;
            if place.is_some_and(|place| place.is_asked_to_close()) {
                response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
            }
            Ok(response)
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
