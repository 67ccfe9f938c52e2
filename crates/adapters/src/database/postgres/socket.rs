//! A TCP socket that can move between threads: it is always registered with the runtime of the thread that uses it.
//!
//! tokio registers a socket with the runtime that opened it: data that arrives wakes a thread of that runtime, even if
//! a task on another runtime waits for it. Each worker thread of Taskbridge has its own runtime, and connections move
//! between threads. Moving the registration to the runtime of the current thread costs two system calls, but saves an
//! extra wake-up for each reply.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

thread_local! {
    static THIS_THREAD: ThreadId = thread::current().id();
}

/// A connected socket, and the thread with whose runtime it is registered.
pub(super) struct Socket {
    /// `None` only if moving the registration has failed.
    stream: Option<TcpStream>,
    thread: ThreadId,
    /// `true` if the socket has not been read since its registration moved, so that tokio does not know yet whether
    /// data has arrived.
    is_new_here: bool,
}

impl Socket {
    /// Takes over a socket that was opened on this thread.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream: Some(stream), thread: THIS_THREAD.with(|thread| *thread), is_new_here: false }
    }

    /// Returns the socket, registered with the runtime of this thread.
    fn here(&mut self) -> io::Result<&mut TcpStream> {
        let here = THIS_THREAD.with(|thread| *thread);
        if self.thread != here
            && let Some(stream) = self.stream.take()
        {
            self.stream = Some(TcpStream::from_std(stream.into_std()?)?);
            self.thread = here;
            self.is_new_here = true;
        }
        self.stream.as_mut().ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

/// Returns the result of a non-blocking operation, or `None` if the operation would have to wait.
fn at_once<T>(result: io::Result<T>) -> Option<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        result => Some(result),
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.here()?;
        let is_new_here = replace(&mut self.is_new_here, false);
        let stream = self.here()?;
        if is_new_here {
            let read = (&*SockRef::from(&*stream)).read(buffer.initialize_unfilled());
            if let Some(result) = at_once(read) {
                return Poll::Ready(result.map(|length| buffer.advance(length)));
            }
        }
        Pin::new(stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.here()?;
        // Writes without waiting for readiness, because the send buffer almost always has room.
        let written = (&*SockRef::from(&*stream)).write(bytes);
        match at_once(written) {
            Some(result) => Poll::Ready(result),
            None => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.here()?).poll_shutdown(context)
    }
}
