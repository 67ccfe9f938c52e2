//! A program that pretends to be PostgreSQL, as an attacker on the network path can, and asks for the password.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::issuer::tls_config;

/// Time after which a client that sends nothing is disconnected.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sent in place of a start-up message to stop the impostor.
const END: [u8; 8] = *b"the end.";

/// The reply to a client that asks for TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A TLS handshake with this certificate of `tests/vectors/tls`.
    Tls(&'static str),
    /// TLS is not supported.
    NoTls,
}

/// An impostor that accepts one client after another, until the test ends.
pub struct Impostor {
    /// `127.0.0.1:<port>`.
    pub address: String,
    /// The reply of each client to the request for its password in clear text.
    received: Receiver<Vec<u8>>,
}

impl Impostor {
    /// Starts to accept clients.
    #[must_use]
    pub fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, received) = channel();
        let config = match reply {
            Reply::Tls(certificate) => Some(Arc::new(tls_config(certificate))),
            Reply::NoTls => None,
        };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                match hear(client, config.as_ref()) {
                    Ok(Heard::End) => return,
                    Ok(Heard::Reply(reply)) => sender.send(reply).unwrap(),
                    Err(_) => {}
                }
            }
        });
        Self { address, received }
    }

    /// Stops, and returns everything that clients have sent in reply to the request for their password.
    #[must_use]
    pub fn received(self) -> Vec<u8> {
        // Clients are handled in order, so earlier ones have been handled completely.
        TcpStream::connect(&self.address).unwrap().write_all(&END).unwrap();
        self.received.iter().flatten().collect()
    }
}

/// How the connection of a client ended.
enum Heard {
    Reply(Vec<u8>),
    /// The client was the impostor itself.
    End,
}

/// Asks one client for its password.
fn hear(mut client: TcpStream, config: Option<&Arc<ServerConfig>>) -> std::io::Result<Heard> {
    client.set_read_timeout(Some(TIMEOUT))?;
    let mut head = [0; 8];
    client.read_exact(&mut head)?;
    if head == END {
        return Ok(Heard::End);
    }
    // The request for TLS consists of its code only (PostgreSQL's manual, section 55.7).
    if head != [0, 0, 0, 8, 4, 210, 22, 47] {
        let rest = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) - 8;
        std::io::copy(&mut Read::by_ref(&mut client).take(rest.into()), &mut std::io::sink())?;
        return ask(client);
    }
    let Some(config) = config else {
        client.write_all(b"N")?;
        start_up(&mut client)?;
        return ask(client);
    };
    client.write_all(b"S")?;
    let session = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut client = StreamOwned::new(session, client);
    start_up(&mut client)?;
    ask(client)
}

/// Reads the start-up message.
fn start_up(client: &mut impl Read) -> std::io::Result<()> {
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let rest = u32::from_be_bytes(length) - 4;
    std::io::copy(&mut client.take(rest.into()), &mut std::io::sink()).map(drop)
}

/// Requests the password in clear text, and returns the reply.
fn ask(mut client: impl Read + Write) -> std::io::Result<Heard> {
    client.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3])?;
    client.flush()?;
    let mut reply = [0; 1024];
    let length = client.read(&mut reply)?;
    Ok(Heard::Reply(reply[..length].to_vec()))
}
