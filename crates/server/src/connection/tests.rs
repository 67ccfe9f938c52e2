use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::connection_table::{ConnectionLimits, ConnectionTable};

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(10);
const PATIENT: Timeouts = Timeouts { next_head: LONG, last_head: LONG, write: LONG, linger: LONG };

/// Returns the server's end and the client's end of a new connection, and the table that tells it to close.
async fn closable(timeouts: Timeouts) -> (Connection, TcpStream, Arc<ConnectionTable>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let table = ConnectionTable::new(ConnectionLimits { total: 8, per_network: 8, trusted_proxies: Vec::new() });
    let (stream, peer) = listener.accept().await.unwrap();
    let place = Rc::new(table.open(peer.ip()).unwrap());
    (Connection::new(stream, timeouts, place), client, table)
}

/// Returns both ends of a connection that the server does not close.
async fn pair(timeouts: Timeouts) -> (Connection, TcpStream) {
    let (connection, client, _) = closable(timeouts).await;
    (connection, client)
}

/// Polls `poll_read` once. Returns `None` if it is pending.
async fn read_now(connection: &mut Connection) -> Option<io::Result<Vec<u8>>> {
    let mut bytes = vec![0; 100_000];
    let mut buffer = ReadBuf::new(&mut bytes);
    let poll = poll_fn(|context| Poll::Ready(Pin::new(&mut *connection).poll_read(context, &mut buffer))).await;
    match poll {
        Poll::Ready(result) => Some(result.map(|()| buffer.filled().to_vec())),
        Poll::Pending => None,
    }
}

/// Waits until `length` bytes can be read.
async fn until_received(connection: &Connection, length: usize) {
    let mut bytes = vec![0; length];
    while connection.stream.get_ref().peek(&mut bytes).await.unwrap() < length {}
}

/// Writes until the send buffer of the connection's socket is full. Returns the number of bytes written.
async fn fill(connection: &mut Connection) -> usize {
    let mut written = 0;
    poll_fn(|context| {
        while let Poll::Ready(length) = Pin::new(&mut *connection).poll_write(context, &vec![b'y'; 100_000])? {
            written += length;
        }
        Poll::Ready(io::Result::Ok(written))
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn one_poll_reads_a_limited_number_of_bytes() {
    let (mut connection, mut client) = pair(PATIENT).await;
    client.write_all(&vec![b'x'; READ_SIZE + 1]).await.unwrap();
    until_received(&connection, READ_SIZE + 1).await;
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), READ_SIZE);
    assert!(read_now(&mut connection).await.is_none());
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), 1);
    assert!(read_now(&mut connection).await.is_none());
}

#[actix_web::test]
async fn nothing_is_read_while_the_client_does_not_read() {
    let (mut connection, mut client) = pair(PATIENT).await;
    client.write_all(b"x").await.unwrap();
    until_received(&connection, 1).await;
    let written = fill(&mut connection).await;
    assert!(read_now(&mut connection).await.is_none());
    assert_eq!(client.read_exact(&mut vec![0; written]).await.unwrap(), written);
    connection.stream.get_ref().writable().await.unwrap();
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let poll = Pin::new(&mut connection).poll_write(&mut Context::from_waker(&waker), b"y");
    assert!(poll.is_ready() && flag.0.load(Ordering::SeqCst), "the reader is woken");
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), b"x");
}

#[actix_web::test]
async fn the_next_head_has_a_deadline() {
    let (mut connection, mut client) = pair(Timeouts { next_head: SHORT, ..PATIENT }).await;
    client.write_all(b"GET /").await.unwrap();
    connection.read_exact(&mut [0; 5]).await.unwrap();
    let failed = connection.read_exact(&mut [0]).await;
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[actix_web::test]
async fn each_response_extends_the_deadline_of_the_next_head() {
    let timeouts = Timeouts { next_head: 10 * SHORT, ..PATIENT };
    let (mut connection, mut client) = pair(timeouts).await;
    let started = Instant::now();
    while started.elapsed() < 2 * timeouts.next_head {
        client.write_all(b"x").await.unwrap();
        connection.read_exact(&mut [0]).await.unwrap();
        connection.write_all(b"y").await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
    }
}

#[actix_web::test]
async fn a_response_that_is_not_read_has_a_deadline() {
    let (mut connection, _client) = pair(Timeouts { write: SHORT, ..PATIENT }).await;
    fill(&mut connection).await;
    let failed = timeout(LONG, connection.write_all(b"y")).await.unwrap();
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// A client that reads slowly gains the time in which it would have read the same bytes at the minimum rate, and not
/// the whole timeout.
#[actix_web::test]
async fn each_write_extends_the_deadline_of_a_response_by_its_size() {
    let (mut connection, mut client) = pair(PATIENT).await;
    assert_eq!(connection.writes.deadline, None);
    let written = fill(&mut connection).await;
    // As if the client had read nothing for half of the time.
    let deadline = connection.deadline().unwrap() - LONG / 2;
    connection.writes.deadline = Some(deadline);
    client.read_exact(&mut vec![0; written]).await.unwrap();
    let bytes = [b'y'; 4096];
    assert_eq!(MIN_RATE, bytes.len() as u64);
    connection.write_all(&bytes).await.unwrap();
    assert_eq!(connection.writes.deadline, Some(deadline + Duration::from_secs(1)));
    // However much it reads, it gains no more than the whole timeout.
    connection.writes.deadline = Some(Instant::now() + LONG);
    connection.write_all(&bytes).await.unwrap();
    assert!(connection.writes.deadline.unwrap() <= Instant::now() + LONG);
    // The next request has a deadline of its own.
    client.write_all(b"x").await.unwrap();
    connection.read_exact(&mut [0]).await.unwrap();
    assert_eq!(connection.writes.deadline, None);
}

#[actix_web::test]
async fn the_timer_is_set_although_nothing_is_read_after_a_response() {
    let (mut connection, mut client) = pair(Timeouts { next_head: SHORT, ..PATIENT }).await;
    let flag = Arc::new(Flag::default());
    let waker = Waker::from(Arc::clone(&flag));
    let poll = Pin::new(&mut connection).poll_write(&mut Context::from_waker(&waker), b"y");
    assert!(poll.is_ready());
    client.read_exact(&mut [0]).await.unwrap();
    while !flag.0.load(Ordering::SeqCst) {
        tokio::time::sleep(SHORT).await;
    }
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[actix_web::test]
async fn an_idle_connection_ends_when_the_server_closes_it() {
    let (mut connection, mut client, table) = closable(PATIENT).await;
    client.write_all(b"x").await.unwrap();
    connection.read_exact(&mut [0]).await.unwrap();
    connection.write_all(b"y").await.unwrap();
    let mut rest = Vec::new();
    let (read, ()) = tokio::join!(connection.read_to_end(&mut rest), async { table.close_all() });
    assert_eq!(read.unwrap(), 0);
}

#[actix_web::test]
async fn a_request_that_has_arrived_is_read_although_the_server_closes_its_connections() {
    let (mut connection, mut client, table) = closable(PATIENT).await;
    connection.write_all(b"y").await.unwrap();
    client.write_all(b"x").await.unwrap();
    until_received(&connection, 1).await;
    table.close_all();
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), b"x");
    // The rest of the head may still arrive.
    assert!(read_now(&mut connection).await.is_none());
}

#[actix_web::test]
async fn a_request_that_the_runtime_has_not_noticed_is_read_although_the_server_closes_its_connections() {
    let (mut connection, client, table) = closable(PATIENT).await;
    connection.write_all(b"y").await.unwrap();
    assert!(read_now(&mut connection).await.is_none());
    // Nothing is awaited in between, so that the runtime cannot poll the socket.
    assert_eq!(client.try_write(b"x").unwrap(), 1);
    table.close_all();
    assert!(read_now(&mut connection).await.is_none());
    connection.read_exact(&mut [0]).await.unwrap();
}

#[actix_web::test]
async fn the_first_request_of_a_connection_may_arrive_while_the_server_closes_its_connections() {
    let (mut connection, mut client, table) = closable(PATIENT).await;
    table.close_all();
    assert!(read_now(&mut connection).await.is_none());
    client.write_all(b"x").await.unwrap();
    connection.read_exact(&mut [0]).await.unwrap();

    let timeouts = Timeouts { next_head: 60 * LONG, last_head: SHORT, ..PATIENT };
    let (mut connection, _client, table) = closable(timeouts).await;
    table.close_all();
    let failed = timeout(LONG, connection.read_exact(&mut [0])).await.unwrap();
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// The connection is asked to close while its request is handled, and the response does not close it.
#[actix_web::test]
async fn a_connection_that_is_asked_to_close_during_a_request_ends_after_the_response() {
    for is_asked_first in [true, false] {
        let (mut connection, mut client, table) = closable(PATIENT).await;
        client.write_all(&[b'x'; READ_SIZE]).await.unwrap();
        until_received(&connection, READ_SIZE).await;
        assert_eq!(read_now(&mut connection).await.unwrap().unwrap().len(), READ_SIZE);
        if is_asked_first {
            table.close_all();
        }
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let poll = Pin::new(&mut connection).poll_write(&mut Context::from_waker(&waker), b"y");
        assert!(poll.is_ready());
        if !is_asked_first {
            assert!(!flag.0.load(Ordering::SeqCst));
            table.close_all();
        }
        assert!(flag.0.load(Ordering::SeqCst), "{is_asked_first}");
        assert_eq!(connection.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    }
}

/// What has been read may complete the head, which is parsed after the read.
#[actix_web::test]
async fn a_late_head_that_has_just_arrived_is_parsed_before_the_connection_fails() {
    let (mut connection, mut client, table) = closable(Timeouts { last_head: Duration::ZERO, ..PATIENT }).await;
    client.write_all(b"x").await.unwrap();
    until_received(&connection, 1).await;
    // The deadline passes.
    tokio::time::sleep(SHORT).await;
    table.close_all();
    assert_eq!(read_now(&mut connection).await.unwrap().unwrap(), b"x");
    assert!(read_now(&mut connection).await.is_none());
    let failed = timeout(LONG, connection.read_exact(&mut [0])).await.unwrap();
    assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

/// A connection whose response is being sent does not make room for others; one that waits for a request does.
#[actix_web::test]
async fn a_connection_waits_for_a_request_when_its_response_has_been_sent() {
    let (mut connection, mut client, table) = closable(PATIENT).await;
    let written = fill(&mut connection).await;
    let open_busy = || {
        let place = table.open(IpAddr::from([198, 51, 100, 1])).unwrap();
        place.is_busy();
        place
    };
    let mut others: Vec<_> = (0..8).map(|_| open_busy()).collect();
    assert!(!connection.place().is_asked_to_close());
    client.read_exact(&mut vec![0; written]).await.unwrap();
    connection.stream.get_ref().writable().await.unwrap();
    connection.write_all(b"y").await.unwrap();
    // The table searches for connections that wait only from time to time.
    let until_asked = async {
        while !connection.place().is_asked_to_close() {
            others.pop();
            others.push(open_busy());
            yield_now().await;
        }
    };
    timeout(LONG, until_asked).await.unwrap();
}
