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

    #[actix_web::test]
    async fn it_is_read_in_portions_with_a_pause_after_each() {
        let (mut connection, mut client) = pair(LONG).await;
        client.write_all(&[b'x'; PORTION + 1]).await.unwrap();
        while connection.stream.peek(&mut [0; PORTION + 1]).await.unwrap() <= PORTION {}
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), PORTION);
        assert!(read_now(&mut connection).await.is_none());
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), 1);
        // The pause ends by itself.
        client.write_all(&[b'x'; 3 * PORTION]).await.unwrap();
        connection.read_exact(&mut [0; 3 * PORTION]).await.unwrap();
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
