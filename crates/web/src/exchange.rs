//! One request and its answer: how long it may take, and what becomes of a body that is not read.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_core::Stream;
use tokio::time::{Instant, timeout_at};

use crate::auth::{self, AuthApiError};
use crate::error::ApiError;

/// How long a request may take from the end of its head to its answer, its body included.
#[derive(Debug, Clone, Copy)]
pub struct RequestTimeout(pub Duration);

/// Left in the request's extensions: when its body must have come and its answer be ready.
#[derive(Clone, Copy)]
pub(crate) struct Deadline(pub(crate) Instant);

/// Middleware (for `actix_web::middleware::from_fn`) that ends what takes longer than the [`RequestTimeout`] of the
/// app. A body that is late is answered 408 by whoever reads it; everything else 503, here.
///
/// An answer that is given before the whole body has come is the last on its connection: nothing that follows on it
/// is ever taken for a request, and nobody waits for the rest.
///
/// # Errors
/// Those of the service within, and 503.
pub async fn deadline(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let timeout = request.app_data::<RequestTimeout>().map_or(Duration::ZERO, |timeout| timeout.0);
    let deadline = Instant::now() + timeout;
    request.extensions_mut().insert(Deadline(deadline));
    let body = share_body(&mut request);
    let (method, is_auth) = (request.method().clone(), auth::serves(request.path()));
    match timeout_at(deadline, next.call(request)).await {
        Ok(response) => Ok(match body {
            Some(body) => response?.map_body(|_, answer| Answer { answer: answer.boxed(), _body: body }.boxed()),
            None => response?.map_into_boxed_body(),
        }),
        Err(late) => {
            tracing::error!(%method, seconds = timeout.as_secs(), "a request was not answered in time");
            Err(if is_auth {
                AuthApiError::Unavailable(late.into()).into()
            } else {
                ApiError::Unavailable(late.into()).into()
            })
        }
    }
}

type SharedBody = Rc<RefCell<Payload>>;

/// The body of the request, which from now on reads the same one. `None` when it has none.
fn share_body(request: &mut ServiceRequest) -> Option<SharedBody> {
    let body = match request.take_payload() {
        Payload::None => return None,
        body => Rc::new(RefCell::new(body)),
    };
    request.set_payload(Payload::Stream { payload: Box::pin(Body(Rc::clone(&body))) });
    Some(body)
}

struct Body(SharedBody);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

/// The body of an answer, with that of its request. actix closes a connection if, when an answer has been sent, the
/// request's body still is there and has not come to its end; one that nobody has any more it reads on, without end if
/// it comes in chunks.
struct Answer {
    answer: BoxBody,
    _body: SharedBody,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(context)
    }
}
