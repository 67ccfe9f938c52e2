//! A way to the database that can be broken.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Forwards connections to an address.
pub struct Proxy {
    /// `127.0.0.1:<port>`.
    pub address: String,
    connections: Arc<Mutex<Vec<Connection>>>,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// What is sent either way goes nowhere from now on.
    is_dead: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to `target`, a host and port.
    #[must_use]
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections: Arc<Mutex<Vec<Connection>>> = Arc::default();
        let (target, opened) = (target.to_owned(), Arc::clone(&connections));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&target) else { continue };
                let is_dead = Arc::new(AtomicBool::new(false));
                forward(&client, &server, &is_dead);
                forward(&server, &client, &is_dead);
                opened.lock().unwrap().push(Connection { client, server, is_dead });
            }
        });
        Self { address, connections }
    }

    /// Existing connections carry nothing any more, and nobody is told: a firewall that forgot them, a host that is
    /// gone. New ones work.
    pub fn cut_silently(&self) {
        for connection in self.connections.lock().unwrap().iter() {
            connection.is_dead.store(true, Ordering::SeqCst);
        }
    }

    /// Existing connections are closed. New ones work.
    pub fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            let _ = connection.client.shutdown(Shutdown::Both);
            let _ = connection.server.shutdown(Shutdown::Both);
        }
    }
}

fn forward(from: &TcpStream, to: &TcpStream, is_dead: &Arc<AtomicBool>) {
    let (mut from, mut to, is_dead) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(is_dead));
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if !is_dead.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        if !is_dead.load(Ordering::SeqCst) {
            let _ = to.shutdown(Shutdown::Both);
        }
    });
}
