//! Opens connections: tries hosts and addresses in turn, negotiates TLS, and detects poolers and read-only servers.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use taskbridge_domain::Cause;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::timeout;
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connection::{Address, Connection, Driver, Endpoint};
use super::error::{ConnectError, StatementError};
use super::socket::Socket;
use super::tls;
use crate::database::url::{Pooler, PostgresUrl, SearchPath};

/// Default `application_name`, which identifies the connections in `pg_stat_activity`.
const APPLICATION_NAME: &str = "taskbridge";
/// For this long after a failed attempt, a host is tried only after the hosts that have not failed recently.
const FAILURE_MEMORY: Duration = Duration::from_secs(30);
/// Minimum timeout for one host or one of its addresses. The connect timeout is divided among them, but no share is
/// shorter than this.
const MIN_ATTEMPT: Duration = Duration::from_secs(2);

/// Selects both socket addresses of the connection as the PostgreSQL server sees them, and whether the server is
/// read-only.
const PROBE: &str = "select host(inet_client_addr()), inet_client_port(), host(inet_server_addr()), inet_server_port(), \
     current_setting('transaction_read_only')";

/// Selects the setting `search_path`, those of its schemas that exist and that the user may use, the schema in which
/// new tables are created, and all schemas of the database.
const SEARCH_PATH: &str = "select current_setting('search_path'), current_schemas(false)::text[], \
     current_schema()::text, array(select nspname::text from pg_namespace)";

type TlsConnect<S> = <MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect;

/// Opens connections to the PostgreSQL servers in a URL.
pub(in crate::database) struct Connector {
    pub(super) url: PostgresUrl,
    tls: MakeRustlsConnect,
    /// Maximum time for opening one connection, including the attempts on all hosts.
    connect_timeout: Duration,
    statement_timeout: Duration,
    /// `true` once the PostgreSQL server has reported that a named statement was missing, existed already, or had other
    /// parameters. This proves that there is a pooler, so [`Pooler::Detect`] no longer treats any new connection as
    /// direct.
    found_hidden_pooler: AtomicBool,
    /// Time of the last failure of each host, by its index in the URL.
    failures: Mutex<HashMap<usize, Instant>>,
}

impl Connector {
    /// Returns a connector for the servers in `url`.
    ///
    /// # Errors
    /// [`ConnectError::TlsConfig`] if a certificate file cannot be used.
    pub(in crate::database) fn new(
        url: &PostgresUrl,
        connect_timeout: Duration,
        statement_timeout: Duration,
    ) -> Result<Self, ConnectError> {
        let mut url = url.clone();
        // A pooler may reject `application_name`, so the default is not set if a pooler is declared.
        if url.config.get_application_name().is_none() && url.pooler != Pooler::Present {
            url.config.application_name(APPLICATION_NAME);
        }
        Ok(Self {
            tls: tls::connector(&url.tls)?,
            url,
            connect_timeout,
            statement_timeout,
            found_hidden_pooler: AtomicBool::new(false),
            failures: Mutex::default(),
        })
    }

    /// Disables named statements on all connections that are opened after this call.
    pub(super) fn stop_naming_statements(&self) {
        self.found_hidden_pooler.store(true, Ordering::Relaxed);
    }

    /// Opens a connection to the first server that accepts writes. If none does, returns a connection to a read-only
    /// server, unless the URL requires a writable one (`target_session_attrs=read-write`).
    ///
    /// As in libpq, an authentication error ends the search: a password that one server rejects is not sent to the next
    /// one.
    pub(in crate::database) async fn connect(&self) -> Result<Connection, ConnectError> {
        let count = self.url.host_count();
        let share = self.connect_timeout / u32::try_from(count.max(1)).unwrap_or(u32::MAX);
        let limit = self.url.config.get_connect_timeout().copied().unwrap_or(share.max(MIN_ATTEMPT));
        let mut error = ConnectError::Io(io::ErrorKind::AddrNotAvailable.into());
        let mut read_only = None;
        for host in self.hosts(count) {
            let found = timeout(limit, self.endpoints(host)).await.unwrap_or(Err(ConnectError::Timeout(limit)));
            let endpoints = found.unwrap_or_else(|cause| {
                error = cause;
                Vec::new()
            });
            // The timeout of a host is divided among its addresses.
            let addresses = u32::try_from(endpoints.len()).unwrap_or(u32::MAX).max(1);
            let limit = (limit / addresses).max(MIN_ATTEMPT.min(limit));
            for endpoint in endpoints {
                let attempt = timeout(limit, self.connect_to(endpoint)).await;
                match attempt.unwrap_or(Err(ConnectError::Timeout(limit))).and_then(|opened| self.accept(opened)) {
                    Ok(connection) if connection.is_read_only => {
                        read_only.get_or_insert(connection);
                    }
                    Ok(connection) => return Ok(connection),
                    Err(cause) if !cause.is_of_one_server() => return Err(cause),
                    Err(cause) => error = cause,
                }
            }
            self.failures.lock().unwrap_or_else(PoisonError::into_inner).insert(host, Instant::now());
        }
        read_only.ok_or(error)
    }

    /// Returns the indices of all hosts in the URL; those that failed recently come last.
    fn hosts(&self, count: usize) -> Vec<usize> {
        let mut hosts: Vec<_> = (0..count).collect();
        if self.url.config.get_load_balance_hosts() == LoadBalanceHosts::Random {
            hosts.rotate_left(rand::random_range(0..count.max(1)));
        }
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.sort_by_cached_key(|host| failures.get(host).is_some_and(|failed| failed.elapsed() < FAILURE_MEMORY));
        hosts
    }

    /// Returns the addresses of one host, which is given by its index in the URL.
    async fn endpoints(&self, host: usize) -> Result<Vec<Endpoint>, ConnectError> {
        let port = self.url.port(host);
        let name = self.url.config.get_hosts().get(host);
        let host_name = match name {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(_)) => String::new(),
            None => self.url.config.get_hostaddrs().get(host).map(ToString::to_string).unwrap_or_default(),
        };
        let addresses = match (self.url.config.get_hostaddrs().get(host), name) {
            (Some(address), _) => vec![Address::Tcp(SocketAddr::new(*address, port))],
            (None, Some(Host::Unix(folder))) => vec![Address::Unix(folder.join(format!(".s.PGSQL.{port}")))],
            (None, _) => {
                let found = lookup_host((host_name.as_str(), port)).await;
                found
                    .map_err(|source| ConnectError::Lookup { host: host_name.clone(), source })?
                    .map(Address::Tcp)
                    .collect()
            }
        };
        Ok(addresses.into_iter().map(|address| Endpoint { address, host_name: host_name.clone() }).collect())
    }

    async fn connect_to(&self, endpoint: Endpoint) -> Result<Connection, ConnectError> {
        let error = match self.connect_with(&self.url.config, endpoint.clone()).await {
            Err(error) if self.url.config.get_ssl_mode() == SslMode::Prefer && error.allows_plain_text() => error,
            result => return result,
        };
        let plain = self.url.config.clone().ssl_mode(SslMode::Disable).clone();
        self.connect_with(&plain, endpoint).await.map_err(|_same_without_tls| error)
    }

    async fn connect_with(&self, config: &Config, endpoint: Endpoint) -> Result<Connection, ConnectError> {
        let (client, driver, ends): (_, Driver, _) = match &endpoint.address {
            Address::Tcp(address) => {
                let socket = self.open_socket(*address).await?;
                let ends =
                    SocketPair { client: canonical(socket.local_addr()?), server: canonical(socket.peer_addr()?) };
                let socket = Socket::new(socket);
                let (client, driver) = config.connect_raw(socket, self.tls_for::<Socket>(&endpoint)?).await?;
                (client, Box::pin(driver), Some(ends))
            }
            Address::Unix(file) => {
                let socket = UnixStream::connect(file).await?;
                // PostgreSQL offers no TLS on a Unix socket.
                let config = config.clone().ssl_mode(SslMode::Disable).clone();
                let (client, driver) = config.connect_raw(socket, NoTls).await?;
                (client, Box::pin(driver), None)
            }
        };
        let mut connection = Connection::new(client, driver, endpoint);
        let rows = connection.ask_unnamed(PROBE).await?;
        let seen = rows.first().map(ServerView::read).transpose()?.unwrap_or_default();
        connection.is_read_only = seen.is_read_only;
        connection.is_proved_direct = ends.is_some() && seen.ends == ends;
        let is_direct = match self.url.pooler {
            Pooler::Present => false,
            Pooler::Absent => true,
            Pooler::Detect => connection.is_proved_direct && !self.found_hidden_pooler.load(Ordering::Relaxed),
        };
        if let Some(path) = &self.url.search_path {
            // The search path is not set behind a pooler, where other programs use the same session and would get the
            // same search path.
            if is_direct {
                connection.run_script(&format!("set search_path = {path}")).await?;
            }
            check_search_path(&mut connection, path).await?;
        }
        if is_direct {
            let limit = self.statement_timeout.as_millis();
            connection.run_script(&format!("set statement_timeout = {limit}")).await?;
            connection.name_statements();
        }
        Ok(connection)
    }

    /// Rejects a connection to a read-only server if `target_session_attrs` in the URL requires a writable one.
    fn accept(&self, connection: Connection) -> Result<Connection, ConnectError> {
        match self.url.config.get_target_session_attrs() {
            TargetSessionAttrs::ReadWrite if connection.is_read_only => Err(ConnectError::ReadOnly),
            _ => Ok(connection),
        }
    }

    async fn open_socket(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        if self.url.config.get_keepalives() {
            let mut keepalive = TcpKeepalive::new().with_time(self.url.config.get_keepalives_idle());
            if let Some(interval) = self.url.config.get_keepalives_interval() {
                keepalive = keepalive.with_interval(interval);
            }
            if let Some(retries) = self.url.config.get_keepalives_retries() {
                keepalive = keepalive.with_retries(retries);
            }
            SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
        }
        #[cfg(target_os = "linux")]
        SockRef::from(&socket).set_tcp_user_timeout(self.url.config.get_tcp_user_timeout().copied())?;
        Ok(socket)
    }

    fn tls_for<S>(&self, endpoint: &Endpoint) -> Result<TlsConnect<S>, ConnectError>
    where
        MakeRustlsConnect: MakeTlsConnect<S, Error: Into<Cause>>,
    {
        let mut tls = self.tls.clone();
        MakeTlsConnect::<S>::make_tls_connect(&mut tls, &endpoint.host_name)
            .map_err(|error| ConnectError::Tls(error.into()))
    }

    /// Asks the PostgreSQL server to cancel the statement that is running on the connection which `token` identifies.
    pub(super) async fn cancel(
        self: Arc<Self>,
        token: CancelToken,
        endpoint: Arc<Endpoint>,
    ) -> Result<(), ConnectError> {
        let request = async {
            match &endpoint.address {
                Address::Tcp(address) => {
                    let socket = self.open_socket(*address).await?;
                    token.cancel_query_raw(socket, self.tls_for::<TcpStream>(&endpoint)?).await?;
                }
                Address::Unix(file) => token.cancel_query_raw(UnixStream::connect(file).await?, NoTls).await?,
            }
            Ok(())
        };
        timeout(self.connect_timeout, request).await.unwrap_or(Err(ConnectError::Timeout(self.connect_timeout)))
    }
}

/// Checks that tables are found and created in the schemas that the URL names.
async fn check_search_path(connection: &mut Connection, demanded: &SearchPath) -> Result<(), ConnectError> {
    let rows = connection.ask_unnamed(SEARCH_PATH).await?;
    let row = rows.first().ok_or_else(StatementError::connection_closed)?;
    let (in_effect, schemas, first): (&str, Vec<String>, Option<&str>) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let all: Vec<String> = row.try_get(3)?;
    if SearchPath::parse(in_effect).as_ref() != Some(demanded) && schemas != demanded.names() {
        return Err(ConnectError::SearchPath { in_effect: in_effect.to_owned(), demanded: demanded.clone() });
    }
    // PostgreSQL skips schemas that do not exist, and would create the tables in the next schema of the search path.
    match demanded.first() {
        "$user" if first.is_some() => Ok(()),
        demanded if first == Some(demanded) => Ok(()),
        demanded if all.iter().any(|schema| schema == demanded) => Err(ConnectError::NoUsage(demanded.to_owned())),
        demanded => Err(ConnectError::NoSchema(demanded.to_owned())),
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The two socket addresses of a TCP connection. They identify the connection: if the PostgreSQL server sees the same
/// pair as Taskbridge, there is no pooler.
#[derive(Debug, PartialEq, Eq)]
struct SocketPair {
    client: SocketAddr,
    server: SocketAddr,
}

/// What the PostgreSQL server reports about a connection: the socket addresses that it sees, if any, and whether it is
/// read-only.
#[derive(Debug, Default)]
struct ServerView {
    ends: Option<SocketPair>,
    is_read_only: bool,
}

impl ServerView {
    fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let end = |address, port| -> Result<_, tokio_postgres::Error> {
            let (address, port): (Option<&str>, Option<i32>) = (row.try_get(address)?, row.try_get(port)?);
            let address = address.and_then(|address| address.parse().ok());
            let port = port.and_then(|port| u16::try_from(port).ok());
            Ok(address.zip(port).map(|(address, port)| canonical(SocketAddr::new(address, port))))
        };
        let ends = end(0, 1)?.zip(end(2, 3)?).map(|(client, server)| SocketPair { client, server });
        Ok(Self { ends, is_read_only: row.try_get::<_, &str>(4)? == "on" })
    }
}
