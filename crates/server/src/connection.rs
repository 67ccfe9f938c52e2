//! TCP connections with the limits that actix-http lacks.
//!
//! actix-web's `HttpServer` serves plain TCP streams. On these, a client that misbehaves can
//!
//! - make the response buffer grow without end, by sending requests whose responses have no body and never reading a
//!   response,
//! - make the server parse 128 KiB of pipelined requests at once, whose parsed form takes several megabytes,
//! - keep a connection open forever, by sending an incomplete head of a second request or an incomplete chunked body.

use std::io;
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use rustix::io::ioctl_fionread;
use taskbridge_web::{ConnectionPhase, Phase};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, Take};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connection_table::Place;

/// Maximum number of bytes that one poll returns to actix-http's dispatcher. Most requests are smaller, so one poll is
/// enough for them.
const READ_SIZE: usize = 4 * 1024;

/// Minimum rate at which a client must read a response, in bytes per second. Without it, a client that reads a few bytes
/// from time to time could keep a response in memory forever.
const MIN_RATE: u64 = 4096;

/// The maximum times for which a connection waits for its client. If one is exceeded, the connection fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// Maximum time from a response to the end of the next request's head.
    pub(crate) next_head: Duration,
    /// Maximum time to the end of a request's head after the connection has been asked to close. For the first request,
    /// the time begins when the connection is accepted.
    pub(crate) last_head: Duration,
    /// Maximum time by which a client is late in reading responses at [`MIN_RATE`]. It is also the maximum time that a
    /// blocked write waits until the client reads more.
    pub(crate) write: Duration,
    /// Maximum time from the last response until the client closes the connection.
    pub(crate) linger: Duration,
}

/// A TCP stream with backpressure: it does not read ahead while a request is handled or a response is sent. It fails
/// when the client exceeds one of the [`Timeouts`]. When it is asked to close, it ends as soon as it is idle.
pub(crate) struct Connection {
    stream: Take<TcpStream>,
    phase: ConnectionPhase,
    place: Rc<Place>,
    timeouts: Timeouts,
    /// `true` if the last read returned [`READ_SIZE`] bytes, so that the next read is postponed to the next poll.
    is_full: bool,
    last_write: Instant,
    /// `true` if there has been a response, and nothing of the next request has arrived.
    is_idle: bool,
    /// Completes when the connection is asked to close, and is then `None`.
    asked_to_close: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// `true` if something has been read since a head was last found to be incomplete.
    has_read: bool,
    /// The time at which the current head began to arrive: for the first one, when the connection was accepted; for
    /// others, when this was noticed.
    head_began: Option<Instant>,
    writes: Writes,
    /// A timer that may fire before the current deadline, and is then set to this deadline. This is cheaper than
    /// resetting the timer for every request.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The writes since the last read.
#[derive(Default)]
struct Writes {
    /// `true` if the last write was blocked because the socket's send buffer is full.
    is_blocked: bool,
    /// The time at which a blocked write fails. Each write extends it. `None` if no write has been blocked.
    deadline: Option<Instant>,
}

impl Connection {
    /// Creates a connection that has just been accepted.
    pub(crate) fn new(stream: TcpStream, timeouts: Timeouts, place: Rc<Place>) -> Self {
        let now = Instant::now();
        let asked = Rc::clone(&place);
        Self {
            stream: stream.take(0),
            phase: ConnectionPhase::default(),
            place,
            timeouts,
            is_full: false,
            last_write: now,
            is_idle: false,
            asked_to_close: Some(Box::pin(async move { asked.asked_to_close().await })),
            has_read: false,
            head_began: Some(now),
            writes: Writes::default(),
            timer: None,
        }
    }

    /// Returns the phase of this connection, which is shared with the handlers of its requests.
    pub(crate) fn phase(&self) -> &ConnectionPhase {
        &self.phase
    }

    /// Returns the place of this connection in the table of open connections.
    pub(crate) fn place(&self) -> &Rc<Place> {
        &self.place
    }

    /// Returns the time at which this connection fails if the client does nothing. Returns `None` while a request body
    /// is read or a request is handled, because the request timeout applies then.
    fn deadline(&self) -> Option<Instant> {
        match self.phase.get() {
            _ if self.writes.is_blocked => self.writes.deadline,
            Phase::Head => Some(self.last_write + self.timeouts.next_head),
            Phase::Close => Some(self.last_write + self.timeouts.linger),
            Phase::Body | Phase::Response => None,
        }
    }

    /// Returns an error if this deadline, if any, has passed. Otherwise schedules a wake-up at the deadline.
    fn poll_deadline(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> io::Result<()> {
        let Some(deadline) = deadline else { return Ok(()) };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(deadline);
        }
        Ok(())
    }

    /// Waits until the client closes the connection, without consuming what the client has sent. The close cannot be
    /// detected while there are unread bytes; in that case, the task is woken after the response.
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut byte = [0];
        if ready!(self.stream.get_ref().poll_peek(context, &mut ReadBuf::new(&mut byte)))? == 0 {
            return Poll::Ready(Ok(()));
        }
        self.phase.wake_after_response(context.waker());
        Poll::Pending
    }

    /// Waits until the connection is asked to close.
    fn poll_asked_to_close(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(asked_to_close) = &mut self.asked_to_close {
            ready!(asked_to_close.as_mut().poll(context));
            self.asked_to_close = None;
        }
        Poll::Ready(())
    }

    /// Waits until the connection is asked to close while it waits for a request. Completes if it is idle. Otherwise a
    /// request may be on its way, and its head gets a new deadline.
    fn poll_closing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase.get() != Phase::Head {
            return Poll::Pending;
        }
        ready!(self.poll_asked_to_close(context));
        // A request may have arrived that the runtime has not noticed yet.
        if ioctl_fionread(self.stream.get_ref())? > 0 {
            return Poll::Pending;
        }
        if self.is_idle {
            return Poll::Ready(Ok(()));
        }
        // What has been read may complete the head. The dispatcher parses it after this.
        if take(&mut self.has_read) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let began = *self.head_began.get_or_insert_with(Instant::now);
        self.poll_deadline(Some(began + self.timeouts.last_head), context)?;
        Poll::Pending
    }

    /// Discards what the client sends, until the client closes the connection.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_SIZE];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            ready!(Pin::new(self.stream.get_mut()).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let deadline = self.deadline();
        self.poll_deadline(deadline, context)?;
        match self.phase.get() {
            Phase::Close => return self.poll_discard(context),
            Phase::Response => return self.poll_closed(context),
            Phase::Head | Phase::Body if self.writes.is_blocked => return self.poll_closed(context),
            Phase::Head | Phase::Body => {}
        }
        if take(&mut self.is_full) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.stream.set_limit(READ_SIZE as u64);
        if Pin::new(&mut self.stream).poll_read(context, buffer)?.is_pending() {
            return self.poll_closing(context);
        }
        self.is_idle = false;
        self.has_read = true;
        self.writes.deadline = None;
        self.is_full = self.stream.limit() == 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(self.stream.get_mut()).poll_write(context, bytes);
        let now = Instant::now();
        let latest = now + self.timeouts.write;
        if written.is_pending() {
            self.writes.is_blocked = true;
            self.writes.deadline.get_or_insert(latest);
            self.place.is_busy();
        } else {
            self.last_write = now;
            self.is_idle = true;
            self.head_began = None;
            if self.phase.get() == Phase::Head {
                self.place.waits(now);
                // While the request was handled, nothing was read, so the task may not know that it is asked to close.
                if self.poll_asked_to_close(context).is_ready() {
                    context.waker().wake_by_ref();
                }
            }
            if let (Some(deadline), Poll::Ready(Ok(length))) = (&mut self.writes.deadline, &written) {
                *deadline = latest.min(*deadline + Duration::from_millis(*length as u64 * 1000 / MIN_RATE));
            }
            if take(&mut self.writes.is_blocked) {
                // Reads pause while writes are blocked, so the task is woken to continue reading.
                context.waker().wake_by_ref();
            }
        }
        let deadline = self.deadline();
        self.poll_deadline(deadline, context)?;
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
