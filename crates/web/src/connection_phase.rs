//! The phase of a connection: what the connection waits for. The connection and the handler of its current request
//! share this value.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// The next event that a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// The head of the next request.
    #[default]
    Head,
    /// The rest of a request body that is being read.
    Body,
    /// The response to a request. The rest of the request body, if any, is not read.
    Response,
    /// The last response is being sent or has been sent, and the connection will then be closed. The rest of the last
    /// request body is read and discarded.
    Close,
}

/// The current [`Phase`] of a connection.
///
/// The crate `taskbridge-server` attaches a `ConnectionPhase` to each connection (`on_connect_ext`), and reads nothing
/// from the connection in [`Phase::Response`]. Without this pause, pipelined requests would be parsed while the first
/// one is handled, and a parsed request takes about 50 times as much memory as its bytes.
#[derive(Debug, Clone, Default)]
pub struct ConnectionPhase(Rc<State>);

#[derive(Debug, Default)]
struct State {
    phase: Cell<Phase>,
    is_body_complete: Cell<bool>,
    reader: RefCell<Option<Waker>>,
}

impl ConnectionPhase {
    /// Returns the current phase.
    #[must_use]
    pub fn get(&self) -> Phase {
        self.0.phase.get()
    }

    /// Wakes `reader` as soon as the phase is no longer [`Phase::Response`].
    pub fn wake_after_response(&self, reader: &Waker) {
        self.0.reader.replace(Some(reader.clone()));
    }

    /// Records that the handling of a request begins: sets the phase to `Response`.
    pub(crate) fn begin_response(&self) {
        self.0.is_body_complete.set(false);
        self.set(Phase::Response);
    }

    /// Returns whether [`read_body`](Self::read_body) has read the body of the current request to its end.
    pub(crate) fn is_body_complete(&self) -> bool {
        self.0.is_body_complete.get()
    }

    /// Runs `read`, which reads the body of the current request, in the phase `Body`.
    pub(crate) async fn read_body<T, E>(&self, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.set(Phase::Body);
        let body = read.await;
        self.0.is_body_complete.set(body.is_ok());
        self.set(Phase::Response);
        body
    }

    pub(crate) fn set(&self, phase: Phase) {
        self.0.phase.set(phase);
        if phase != Phase::Response
            && let Some(reader) = self.0.reader.take()
        {
            reader.wake();
        }
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
    fn a_reader_is_woken_once_when_it_may_read_again() {
        let (count, phase) = (Arc::new(Count::default()), ConnectionPhase::default());
        assert_eq!(phase.get(), Phase::Head);
        for next in [Phase::Body, Phase::Head] {
            count.0.store(0, Ordering::SeqCst);
            phase.set(Phase::Response);
            phase.wake_after_response(&Waker::from(Arc::clone(&count)));
            phase.set(Phase::Response);
            assert_eq!(count.0.load(Ordering::SeqCst), 0);
            phase.set(next);
            phase.set(next);
            assert_eq!((count.0.load(Ordering::SeqCst), phase.get()), (1, next));
        }
    }
}
