//! Clients that connect with TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{HOST, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use support::issuer::AUTHORITY;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Time after which a test fails instead of hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The address from which clients connect. It is not that of the proxies, which Taskbridge trusts.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Accepts connections without TLS, and forwards each over TLS to a proxy. It stops on drop.
pub(crate) struct Tunnel {
    /// The host and port on which it listens.
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// Starts a tunnel to the proxy at this address.
    pub(crate) async fn to(proxy: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = proxy.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut plain, _)) = listener.accept().await {
                let proxy = proxy.clone();
                connections.spawn(async move {
                    // A proxy that is down closes the connection of the client.
                    let Ok(mut secure) = connect(&proxy, None).await else { return };
                    let _ = copy_bidirectional(&mut plain, &mut secure).await;
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects to a proxy, with a receive buffer of this size in bytes or the default one.
pub(crate) async fn connect(
    proxy: &str,
    receive_buffer: Option<u32>,
) -> std::io::Result<TlsStream<tokio::net::TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((CLIENT, 0).into())?;
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    let connection = socket.connect(proxy.parse().unwrap()).await?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(AUTHORITY).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), connection).await
}

/// Returns a client whose requests have the host of the certificate in the header `Host`.
pub(crate) fn client() -> Client {
    let host = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
    let client = Client::builder().default_headers(host).redirect(Policy::none()).timeout(PATIENCE);
    client.build().unwrap()
}
