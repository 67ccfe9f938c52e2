//! An issuer that publishes keys at `/api/auth/jwks`, as Better Auth does, or sends any other answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::signer::Signer;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate authority, in PEM, that has signed the certificates of issuers.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tls/authority.pem");

/// An answer to a request for the keys.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A status, further header lines, and a body.
    Response(u16, Vec<String>, String),
    /// 200 with a body of this many bytes.
    Large(usize),
    /// 200 with a body that never ends.
    Endless,
    /// No answer, on a connection that stays open.
    Silence,
    /// No answer; the connection closes.
    Nothing,
}

impl Answer {
    /// 200 with this body.
    #[must_use]
    pub fn body(body: impl Into<String>) -> Self {
        Self::Response(200, Vec::new(), body.into())
    }

    /// 200 with these keys.
    #[must_use]
    pub fn keys(keys: &[Value]) -> Self {
        Self::body(json!({ "keys": keys }).to_string())
    }
}

/// An issuer. It stops on drop.
pub struct Issuer {
    /// `http://127.0.0.1:<port>`, or over TLS `https://localhost:<port>`.
    pub url: String,
    address: String,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    script: Mutex<Script>,
    was_asked: Condvar,
    written: AtomicUsize,
    is_over: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

struct Script {
    answer: Answer,
    /// Number of different answers before this one.
    version: usize,
    /// Number of times that this answer has been sent.
    given: usize,
    /// Number of times that any answer has been sent.
    fetches: usize,
}

impl Issuer {
    /// Starts an issuer that publishes the public keys of these signers.
    #[must_use]
    pub fn of(signers: &[&Signer]) -> Self {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        Self::start(TcpListener::bind("127.0.0.1:0").unwrap(), Answer::keys(&keys), None)
    }

    /// Starts one with TLS, for `localhost`.
    #[must_use]
    pub fn with_tls(signers: &[&Signer]) -> Self {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        Self::start(
            TcpListener::bind("localhost:0").unwrap(),
            Answer::keys(&keys),
            Some(Arc::new(tls_config("localhost"))),
        )
    }

    /// Starts an issuer at the `url` of an earlier one.
    #[must_use]
    pub fn again(url: &str, signers: &[&Signer]) -> Self {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        let address = url.strip_prefix("http://").unwrap();
        Self::start(TcpListener::bind(address).unwrap(), Answer::keys(&keys), None)
    }

    fn start(listener: TcpListener, answer: Answer, tls: Option<Arc<ServerConfig>>) -> Self {
        let address = listener.local_addr().unwrap();
        let url = match tls {
            Some(_) => format!("https://localhost:{}", address.port()),
            None => format!("http://{address}"),
        };
        let state = Arc::new(State {
            script: Mutex::new(Script { answer, version: 0, given: 0, fetches: 0 }),
            was_asked: Condvar::new(),
            written: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            tls,
        });
        let accepting = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                if accepting.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&accepting);
                thread::spawn(move || state.serve(connection));
            }
        });
        Self { url, address: address.to_string(), state, thread: Some(thread) }
    }

    /// Sends this answer from now on.
    pub fn answer(&self, answer: Answer) {
        let mut script = self.state.script.lock().unwrap();
        *script = Script { answer, version: script.version + 1, given: 0, fetches: script.fetches };
    }

    /// Publishes the public keys of these signers from now on.
    pub fn publish(&self, signers: &[&Signer]) {
        self.answer(Answer::keys(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()));
    }

    /// Returns the number of requests for its keys.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.state.script.lock().unwrap().fetches
    }

    /// Waits until the current answer has been sent `count` times. The client has processed all but the last of them.
    pub fn wait_for_fetches(&self, count: usize) {
        let script = self.state.script.lock().unwrap();
        let is_less = |script: &mut Script| script.given < count;
        let waited = self.state.was_asked.wait_timeout_while(script, PATIENCE, is_less).unwrap();
        assert!(!waited.1.timed_out(), "nobody asks for the keys");
    }

    /// Returns the number of body bytes that it could send so far.
    #[must_use]
    pub fn written(&self) -> usize {
        self.state.written.load(Ordering::SeqCst)
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        // Unblocks the thread, which waits for a connection.
        let _ = TcpStream::connect(&self.address);
        let _ = self.thread.take().unwrap().join();
    }
}

impl State {
    fn serve(&self, connection: TcpStream) {
        // A client that does not trust the certificate disconnects.
        let _ = match &self.tls {
            None => self.reply(connection),
            Some(tls) => {
                let session = ServerConnection::new(Arc::clone(tls)).unwrap();
                self.reply(StreamOwned::new(session, connection))
            }
        };
    }

    fn reply(&self, mut connection: impl Read + Write) -> std::io::Result<()> {
        let mut request = BufReader::new(&mut connection).lines();
        let request_line = request.next().transpose()?.unwrap_or_default();
        while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        drop(request);
        if request_line != "GET /api/auth/jwks HTTP/1.1" {
            return connection.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        }
        let (answer, version) = {
            let script = self.script.lock().unwrap();
            (script.answer.clone(), script.version)
        };
        let result = match answer {
            Answer::Response(status, lines, body) => {
                let head = [&[format!("HTTP/1.1 {status} Whatever")], lines.as_slice()].concat().join("\r\n");
                let head = format!("{head}\r\ncontent-length: {}\r\n\r\n", body.len());
                connection.write_all(format!("{head}{body}").as_bytes()).and_then(|()| connection.flush())
            }
            Answer::Large(length) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                connection.write_all(head.as_bytes()).and_then(|()| self.pour(&mut connection, "", length))
            }
            Answer::Endless => connection
                .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                .and_then(|()| self.pour(&mut connection, "400\r\n", usize::MAX)),
            Answer::Silence => {
                self.count(version);
                // Waits until the client disconnects.
                let _ = connection.read(&mut [0]);
                return Ok(());
            }
            Answer::Nothing => Ok(()),
        };
        drop(connection);
        self.count(version);
        result
    }

    /// Sends an endless key set in pieces of 1 KB, up to `length` bytes.
    fn pour(&self, connection: &mut impl Write, before_each: &str, length: usize) -> std::io::Result<()> {
        let mut piece = [b' '; 1024];
        piece[..9].copy_from_slice(br#"{"keys":["#);
        let mut poured = 0;
        while poured < length {
            connection.write_all(before_each.as_bytes())?;
            connection.write_all(&piece)?;
            if !before_each.is_empty() {
                connection.write_all(b"\r\n")?;
            }
            piece = [b' '; 1024];
            poured += piece.len();
            self.written.fetch_add(piece.len(), Ordering::SeqCst);
        }
        Ok(())
    }

    fn count(&self, version: usize) {
        let mut script = self.script.lock().unwrap();
        script.fetches += 1;
        script.given += usize::from(script.version == version);
        self.was_asked.notify_all();
    }
}

/// Returns the configuration of a TLS server with a certificate of `tests/vectors/tls`.
pub(crate) fn tls_config(certificate: &str) -> ServerConfig {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tls");
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/{certificate}.key")).unwrap();
    let certificate = CertificateDer::from_pem_file(format!("{folder}/{certificate}.pem")).unwrap();
    ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap()
}
