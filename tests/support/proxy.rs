//! A TCP proxy in front of the database, whose connections tests can break.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::postgres::address_of;

/// Forwards connections to an address.
pub struct Proxy {
    /// `127.0.0.1:<port>`.
    pub address: String,
    shared: Arc<Shared>,
}

/// State that the proxy and the threads of its connections share.
struct Shared {
    target: Mutex<String>,
    connections: Mutex<Vec<Arc<Connection>>>,
    round_trips: AtomicUsize,
    /// Bytes in the answer that is swallowed next.
    swallowed: Mutex<Option<Vec<u8>>>,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// From now on, existing connections discard all bytes.
    is_dead: AtomicBool,
    /// Whether the client has sent bytes after the last ones of the server.
    is_asked: AtomicBool,
}

impl Proxy {
    /// Starts a proxy to `target`, a host and port.
    #[must_use]
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            target: Mutex::new(target.to_owned()),
            connections: Mutex::default(),
            round_trips: AtomicUsize::new(0),
            swallowed: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let target = accepting.target.lock().unwrap().clone();
                if let Ok(server) = TcpStream::connect(target) {
                    Connection::open(client, server, &accepting);
                }
            }
        });
        Self { address, shared }
    }

    /// Starts a proxy to the server in the URL of a database. Returns it with the URL that leads through it.
    #[must_use]
    pub fn before(url: &str) -> (Self, String) {
        let target = address_of(url);
        let proxy = Self::to(target);
        let through = url.replacen(target, &proxy.address, 1);
        (proxy, through)
    }

    /// Leads new connections to another host and port. Existing ones stay.
    pub fn redirect(&self, target: &str) {
        target.clone_into(&mut self.shared.target.lock().unwrap());
    }

    /// Discards all bytes on existing connections without closing them, as a firewall does that forgot them. New
    /// connections work.
    pub fn cut_silently(&self) {
        for connection in self.shared.connections.lock().unwrap().iter() {
            connection.is_dead.store(true, Ordering::SeqCst);
        }
    }

    /// Closes existing connections. New connections work.
    pub fn cut(&self) {
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            connection.close();
        }
    }

    /// Discards the next answer of the server that contains `text`, and closes its connection. The server has executed
    /// the statement, but the client does not know.
    pub fn swallow(&self, text: &str) {
        *self.shared.swallowed.lock().unwrap() = Some(text.into());
    }

    /// Returns `true` if [`swallow`](Self::swallow) has had its effect.
    #[must_use]
    pub fn has_swallowed(&self) -> bool {
        self.shared.swallowed.lock().unwrap().is_none()
    }

    /// Counts the round trips on all connections: how often a client sent bytes after the last ones of the server.
    #[must_use]
    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }
}

impl Connection {
    fn open(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
        let connection =
            Arc::new(Self { client, server, is_dead: AtomicBool::new(false), is_asked: AtomicBool::new(false) });
        shared.connections.lock().unwrap().push(Arc::clone(&connection));
        let (questions, of) = (Arc::clone(&connection), Arc::clone(shared));
        thread::spawn(move || {
            questions.forward(&questions.client, &questions.server, |_| {
                if !questions.is_asked.swap(true, Ordering::SeqCst) {
                    of.round_trips.fetch_add(1, Ordering::SeqCst);
                }
                true
            });
        });
        let (answers, of) = (connection, Arc::clone(shared));
        thread::spawn(move || {
            answers.forward(&answers.server, &answers.client, |bytes| {
                answers.is_asked.store(false, Ordering::SeqCst);
                !of.swallows(bytes)
            });
        });
    }

    /// Copies bytes until the end, or until `passes` returns `false`, which closes the connection.
    fn forward(&self, mut from: &TcpStream, mut to: &TcpStream, passes: impl Fn(&[u8]) -> bool) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if self.is_dead.load(Ordering::SeqCst) {
                continue;
            }
            let bytes = &buffer[..length];
            if !passes(bytes) {
                self.close();
            } else if to.write_all(bytes).is_err() {
                break;
            }
        }
        if !self.is_dead.load(Ordering::SeqCst) {
            let _ = to.shutdown(Shutdown::Both);
        }
    }

    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn swallows(&self, bytes: &[u8]) -> bool {
        let mut swallowed = self.swallowed.lock().unwrap();
        let is_it = swallowed.as_ref().is_some_and(|text| bytes.windows(text.len()).any(|window| window == text));
        if is_it {
            *swallowed = None;
        }
        is_it
    }
}
