//! One request and its answer: the limits of both, and what becomes of a body that is not read.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
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

/// How many bytes the target and the headers of a request may have together. Whoever has more is answered 431, and by
/// actix, which keeps 128 KiB and 96 headers, without a body.
const HEAD_LIMIT: usize = 64 * 1024;

/// Middleware (for `actix_web::middleware::from_fn`) that refuses a head that is too large, and ends what takes longer
/// than the [`RequestTimeout`] of the app. A body that is late is answered 408 by whoever reads it; everything else
/// 503, here.
///
/// An answer that is given before the whole body has come is the last on its connection: nothing that follows on it
/// is ever taken for a request, and nobody waits for the rest.
///
/// # Errors
/// Those of the service within, and 503.
pub async fn limits(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_auth = auth::serves(request.path());
    let is_safe = request.method().is_safe();
    let turn = request.conn_data::<Turn>().cloned().unwrap_or_default();
    let body = share_body(&mut request, &turn);
    let answer = if head_size(&request) > HEAD_LIMIT {
        request.error_response(error(is_auth, AuthApiError::HeadTooLarge, ApiError::HeadTooLarge))
    } else {
        let timeout = request.app_data::<RequestTimeout>().map_or(Duration::ZERO, |timeout| timeout.0);
        let deadline = Instant::now() + timeout;
        request.extensions_mut().insert(Deadline(deadline));
        turn.begin(if body.is_some() { content_length(request.headers()) } else { Some(0) });
        let outcome = timeout_at(deadline, next.call(request)).await;
        turn.end();
        let outcome = outcome.unwrap_or_else(|_elapsed| {
            let late = || "not answered in time".into();
            // A change of tasks may be on its way to the store, or already there.
            let of_tasks = if is_safe { ApiError::Unavailable(late()) } else { ApiError::OutcomeUnknown(late()) };
            Err(error(is_auth, AuthApiError::Unavailable(late()), of_tasks))
        });
        match (outcome, &body) {
            (Ok(answer), _) => answer.map_into_boxed_body(),
            (Err(error), None) => return Err(error),
            (Err(mut error), Some(body)) => {
                // It becomes an answer later.
                let body = Rc::clone(body);
                error.add_response_mapper(move |answer| {
                    answer.map_body(|_, answer| Answer { answer, _body: Rc::clone(&body) }.boxed())
                });
                return Err(error);
            }
        }
    };
    Ok(match body {
        Some(body) => answer.map_body(|_, answer| Answer { answer, _body: body }.boxed()),
        None => answer,
    })
}

/// The error in the form of the surface that is asked.
fn error(is_auth: bool, auth: AuthApiError, api: ApiError) -> Error {
    if is_auth { auth.into() } else { api.into() }
}

fn head_size(request: &ServiceRequest) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let headers = request.headers().iter();
    headers.fold(target, |size, (name, value)| size + name.as_str().len() + value.len())
}

/// What `Content-Length` says, which actix has checked; `None` for a body in chunks.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whose turn it is on a connection. While a request that has come whole is being answered, nothing more is read: of
/// many requests that are sent at once, all but one wait outside. Otherwise each would be here in full, at once; and
/// actix, when the last of them has not come whole, would end the connection with the answer to the first.
#[derive(Debug, Clone, Default)]
pub struct Turn(Rc<TurnState>);

#[derive(Debug, Default)]
struct TurnState {
    /// How many bytes of the body of the request have not come yet: none when it is ours to answer. `None` when that
    /// cannot be told, because there is no request, or its body comes in chunks.
    missing: Cell<Option<usize>>,
    reader: RefCell<Option<Waker>>,
}

impl Turn {
    /// How many bytes may be read, if that is known, to the end of the request. While none may, the task is woken once
    /// they may.
    pub fn poll_theirs(&self, context: &mut Context<'_>) -> Poll<Option<usize>> {
        match self.0.missing.get() {
            Some(0) => {
                self.0.reader.replace(Some(context.waker().clone()));
                Poll::Pending
            }
            missing => Poll::Ready(missing),
        }
    }

    /// That many bytes were read.
    pub fn read(&self, length: usize) {
        self.0.missing.set(self.0.missing.get().map(|missing| missing.saturating_sub(length)));
    }

    /// The head of a request has been read, and its body is as long.
    fn begin(&self, length: Option<usize>) {
        self.0.missing.set(length);
    }

    /// The request has been answered.
    fn end(&self) {
        self.0.missing.set(None);
        if let Some(reader) = self.0.reader.take() {
            reader.wake();
        }
    }
}

type SharedBody = Rc<RefCell<Payload>>;

/// The body of the request, which from now on reads the same one. `None` when it has none.
fn share_body(request: &mut ServiceRequest, turn: &Turn) -> Option<SharedBody> {
    let body = match request.take_payload() {
        Payload::None => return None,
        body => Rc::new(RefCell::new(body)),
    };
    request.set_payload(Payload::Stream { payload: Box::pin(Body { body: Rc::clone(&body), turn: turn.clone() }) });
    Some(body)
}

struct Body {
    body: SharedBody,
    turn: Turn,
}

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut *self.body.borrow_mut()).poll_next(context));
        if next.is_none() {
            self.turn.begin(Some(0));
        }
        Poll::Ready(next)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn whoever_waits_for_their_turn_is_woken_once() {
        let (count, turn) = (Arc::new(Count::default()), Turn::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        assert!(turn.poll_theirs(&mut context).is_ready());
        turn.begin(Some(3));
        turn.read(2);
        assert_eq!(turn.poll_theirs(&mut context), Poll::Ready(Some(1)));
        turn.read(1);
        assert!(turn.poll_theirs(&mut context).is_pending());
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
        turn.end();
        turn.end();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert_eq!(turn.poll_theirs(&mut context), Poll::Ready(None));
    }
}
