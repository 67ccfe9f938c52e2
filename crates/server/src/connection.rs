//! One connection of a client, who may be slow, or worse.

use std::io;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use taskbridge_web::Turn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How many bytes are read at once. actix makes requests of all that it is given before it answers the first of them,
/// and each weighs 6.5 kB; as many as are in a portion wait here, the others outside.
const PORTION: usize = 2048;

/// A TCP stream with what actix leaves open.
///
/// - It fails when for too long nothing could be written to it after something was read: a second head that does not
///   come to its end, an answer that is not taken. How long a request may take is not decided here; this is the limit
///   behind that one.
/// - Nothing is read from it while a request is being answered.
///
/// So it holds at most a head (128 KiB), a body (twice `server.body_limit`, while it grows), what is being written of an
/// answer, and the requests of one portion (0.5 MB, if they are as small as can be).
pub(crate) struct Connection {
    stream: TcpStream,
    turn: Turn,
    /// What was to be written could not be.
    is_blocked: bool,
    /// There may be more where the last portion came from.
    is_more: bool,
    patience: Duration,
    /// Since when nothing has been written, though something was read or is to be written.
    waiting_since: Option<Instant>,
    /// Set to the end of the patience, or to what was its end earlier: it is not set anew for each request.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self {
            stream,
            turn: Turn::default(),
            is_blocked: false,
            is_more: false,
            patience,
            waiting_since: None,
            timer: None,
        }
    }

    /// Whose turn it is on this connection.
    pub(crate) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Fails when the patience is at its end; else sees to it that the task is woken then.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(since) = self.waiting_since else { return Ok(()) };
        let end = since + self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= end {
                return Err(io::ErrorKind::TimedOut.into());
            }
            timer.as_mut().reset(end);
        }
        Ok(())
    }

    fn wait(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.waiting_since.get_or_insert_with(Instant::now);
        self.poll_patience(context)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_patience(context)?;
        ready!(self.turn.poll_theirs(context));
        if self.is_blocked {
            return Poll::Pending;
        }
        if replace(&mut self.is_more, false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = buffer.remaining().min(PORTION);
        let mut portion = ReadBuf::new(buffer.initialize_unfilled_to(size));
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut portion))?;
        let length = portion.filled().len();
        buffer.advance(length);
        if length > 0 {
            self.is_more = length == size;
            self.wait(context)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if written.is_pending() {
            self.is_blocked = true;
            self.wait(context)?;
        } else {
            self.waiting_since = None;
            if replace(&mut self.is_blocked, false) {
                // It may be read again.
                context.waker().wake_by_ref();
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
