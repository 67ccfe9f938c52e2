//! One connection of a client, which must not leave us waiting.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A TCP stream that fails when, for too long after something was read from it, nothing could be written to it.
///
/// actix sets no limit to the time in which a client sends the rest of a second head, sends on a body in chunks that
/// nobody wants any more, or takes its answer. All of these end here. How long a request may take is not decided here:
/// this is the limit behind that one.
pub(crate) struct Connection {
    stream: TcpStream,
    patience: Duration,
    /// Since when nothing has been written, though something was read or is to be written.
    waiting_since: Option<Instant>,
    /// Set to the end of the patience, or to what was its end earlier: it is not set anew for each request.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, waiting_since: None, timer: None }
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
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.wait(context)?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        match written {
            Poll::Ready(_) => self.waiting_since = None,
            Poll::Pending => self.wait(context)?,
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
