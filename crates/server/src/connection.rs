//! One connection of a client, who may be slow, or worse.

use std::io;
use std::mem::replace;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use memchr::memchr_iter;
use taskbridge_web::Turn;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Maximum number of bytes that are read at once: most requests fit, and so much is filled with zeros before each read.
const PORTION: usize = 4 * 1024;

/// A TCP stream with what actix leaves open.
///
/// - It fails when for too long nothing could be written to it after something was read: a second head that does not
///   come to its end, an answer that is not taken. How long a request may take is not decided here; this is the limit
///   behind that one.
/// - It is read one request at a time, and not while one is being answered.
///
/// So it holds at most a head (128 KiB), a body (twice `server.body_limit`, while it grows), what is being written of an
/// answer, and a portion of what came with all that.
pub(crate) struct Connection {
    stream: TcpStream,
    turn: Turn,
    /// What was to be written could not be.
    is_blocked: bool,
    /// What was given last may be the end of a request: whose turn it is is known once actix has seen it.
    is_cut: bool,
    blank_line: BlankLine,
    /// What came with the last request and is not part of it.
    rest: Vec<u8>,
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
            is_cut: false,
            blank_line: BlankLine::default(),
            rest: Vec::new(),
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
        let missing = ready!(self.turn.poll_theirs(context));
        if self.is_blocked {
            return Poll::Pending;
        }
        if replace(&mut self.is_cut, false) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = buffer.remaining().min(missing.unwrap_or(PORTION)).min(PORTION);
        let start = buffer.filled().len();
        if self.rest.is_empty() {
            // The buffer is filled with zeros first, which is not worth it while nothing is here.
            ready!(self.stream.poll_read_ready(context))?;
            let mut portion = ReadBuf::new(buffer.initialize_unfilled_to(size));
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut portion))?;
            let length = portion.filled().len();
            buffer.advance(length);
        } else {
            let length = size.min(self.rest.len());
            buffer.put_slice(&self.rest[..length]);
            self.rest.drain(..length);
        }
        let given = &buffer.filled()[start..];
        if given.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if missing.is_some() {
            self.turn.read(given.len());
        } else if let Some(end) = self.blank_line.end_in(given) {
            self.rest.splice(..0, given[end..].iter().copied());
            buffer.set_filled(start + end);
            self.is_cut = true;
        }
        self.wait(context)?;
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

/// Finds the empty lines that end the head of a request and a body in chunks (RFC 9112, sections 2.1 and 7.1), whether
/// lines end with CRLF or LF. There may be others: within a chunk, before a request.
#[derive(Debug, Default)]
struct BlankLine {
    is_line_start: bool,
}

impl BlankLine {
    /// The end of the first one in these bytes, which follow those given before.
    fn end_in(&mut self, bytes: &[u8]) -> Option<usize> {
        let is_blank = |line: &[u8]| line.iter().all(|byte| *byte == b'\r');
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            if self.is_line_start && is_blank(&bytes[start..end]) {
                self.is_line_start = false;
                return Some(end + 1);
            }
            self.is_line_start = true;
            start = end + 1;
        }
        self.is_line_start &= is_blank(&bytes[start..]);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    const LONG: Duration = Duration::from_mins(1);

    /// Both ends of a connection.
    async fn pair(patience: Duration) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Connection::new(listener.accept().await.unwrap().0, patience), client)
    }

    /// What reading gives at once; `None` when it has to wait.
    async fn read_now(connection: &mut Connection) -> Option<io::Result<Vec<u8>>> {
        let mut bytes = vec![0; 100_000];
        let mut buffer = ReadBuf::new(&mut bytes);
        let poll = poll_fn(|context| Poll::Ready(Pin::new(&mut *connection).poll_read(context, &mut buffer))).await;
        match poll {
            Poll::Ready(result) => Some(result.map(|()| buffer.filled().to_vec())),
            Poll::Pending => None,
        }
    }

    /// Waits until all that was sent is here.
    async fn sent(connection: &Connection, length: usize) {
        let mut bytes = vec![0; length];
        while connection.stream.peek(&mut bytes).await.unwrap() < length {}
    }

    #[actix_web::test]
    async fn it_is_read_to_the_next_empty_line_with_a_pause_after_it() {
        let (mut connection, mut client) = pair(LONG).await;
        let parts: [&[u8]; 5] = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\n\n", b"\r\n\n", b"0\r\n\r\n", b"GET"];
        client.write_all(&parts.concat()).await.unwrap();
        sent(&connection, parts.concat().len()).await;
        for (index, part) in parts.iter().enumerate() {
            assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), *part, "{index}");
            assert!(read_now(&mut connection).await.is_none(), "{index}");
        }
        // Its line may come in pieces; and the pause ends by itself.
        for piece in [&b" /"[..], b"\r", b"\n", b"\r"] {
            client.write_all(piece).await.unwrap();
            connection.read_exact(&mut vec![0; piece.len()]).await.unwrap();
        }
        client.write_all(b"\nGET").await.unwrap();
        sent(&connection, 4).await;
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), b"\n");
        connection.read_exact(&mut [0; 3]).await.unwrap();
        assert!(connection.rest.is_empty());
    }

    #[actix_web::test]
    async fn it_is_read_in_portions() {
        let (mut connection, mut client) = pair(LONG).await;
        let bytes = vec![b'x'; 3 * PORTION];
        let writing = actix_web::rt::spawn(async move { client.write_all(&bytes).await.map(|()| client) });
        sent(&connection, PORTION + 1).await;
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), PORTION);
        connection.read_exact(&mut vec![0; 2 * PORTION]).await.unwrap();
        writing.await.unwrap().unwrap();
    }

    #[actix_web::test]
    async fn it_is_not_read_while_what_was_written_is_not_taken() {
        let (mut connection, mut client) = pair(LONG).await;
        client.write_all(b"x").await.unwrap();
        connection.stream.readable().await.unwrap();
        let mut written = 0;
        poll_fn(|context| {
            while let Poll::Ready(length) = Pin::new(&mut connection).poll_write(context, &vec![b'y'; 100_000])? {
                written += length;
            }
            Poll::Ready(io::Result::Ok(()))
        })
        .await
        .unwrap();
        assert!(read_now(&mut connection).await.is_none());
        let taking = client.read_exact(&mut vec![0; written]).await;
        assert_eq!(taking.unwrap(), written);
        // Once it can be written, whoever waits for it to be read is woken.
        connection.stream.writable().await.unwrap();
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let poll = Pin::new(&mut connection).poll_write(&mut Context::from_waker(&waker), b"y");
        assert!(poll.is_ready() && flag.0.load(Ordering::SeqCst));
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), b"x");
    }

    #[actix_web::test]
    async fn it_fails_when_too_long_nothing_is_written_after_something_was_read() {
        let (mut connection, mut client) = pair(Duration::from_millis(10)).await;
        // Nobody waits for anything before the first byte.
        assert!(read_now(&mut connection).await.is_none());
        for _ in 0..3 {
            client.write_all(b"x").await.unwrap();
            connection.read_exact(&mut [0]).await.unwrap();
            connection.write_all(b"y").await.unwrap();
            client.read_exact(&mut [0]).await.unwrap();
        }
        client.write_all(b"x").await.unwrap();
        connection.read_exact(&mut [0]).await.unwrap();
        let failed = connection.read_exact(&mut [0]).await;
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[actix_web::test]
    async fn it_fails_when_too_long_nothing_is_taken() {
        let (mut connection, _client) = pair(Duration::from_millis(10)).await;
        let failed = loop {
            if let Err(failed) = connection.write_all(&vec![b'y'; 100_000]).await {
                break failed;
            }
        };
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
    }
}
