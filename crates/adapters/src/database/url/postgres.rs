//! URLs of PostgreSQL, as libpq reads them (PostgreSQL's manual, section 34.1).

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, LoadBalanceHosts, SslMode, TargetSessionAttrs};

use super::invalid::InvalidDatabaseUrl;
use super::parameters::{Parameters, decode};
use super::search_path::{SearchPath, read_search_path};
use super::tls::{TlsConfig, Transport, Verification, read_tls};

/// The port of a host for which the URL names no port.
const DEFAULT_PORT: u16 = 5432;
/// Maximum value, in seconds, of a timeout or keep-alive time in a URL. Linux accepts no longer keep-alive time.
const MAX_SECONDS: u32 = 32_767;

/// Ignored parameters: those of other libraries for their own pools, caches and timeouts, and those of libpq for
/// authentication methods that Taskbridge does not use.
const IGNORED: &str = "\
    binary_parameters connection_limit default_query_exec_mode gssdelegation gsslib idle_timeout krbsrvname max \
    max_lifetime max_overflow min pool pool_health_check_period pool_max_conn_idle_time pool_max_conn_lifetime \
    pool_max_conns pool_min_conns pool_recycle pool_size pool_timeout prepare prepareThreshold \
    preparedStatementCacheQueries prepared_statement_cache_size prepared_statements query_timeout reconnect \
    socket_timeout sslcompression statement_cache_capacity statement_cache_mode statement_cache_size supa \
    uselibpqcompat workaround";

/// Parameters of libpq and others that are not supported, each with an alternative.
const UNSUPPORTED: [(&str, &str); 17] = [
    ("require_auth", "channel_binding=require accepts nothing but SCRAM over TLS"),
    ("passfile", "write the password into the URL"),
    ("requirepeer", "protect the folder of the socket instead"),
    ("replication", "remove it"),
    ("service", "write host, port, user and database into the URL"),
    ("servicefile", "write host, port, user and database into the URL"),
    ("sslcrl", "use short-lived certificates instead of a revocation list"),
    ("sslcrldir", "use short-lived certificates instead of a revocation list"),
    ("sslidentity", "name a client certificate in PEM by sslcert and sslkey"),
    ("sslpassword", "decrypt the key, and let no other user read the file"),
    ("sslcertmode", "remove it: a client certificate is sent if sslcert and sslkey name one"),
    ("ssl_max_protocol_version", "remove it: TLS 1.3 and 1.2 are used"),
    ("statement_timeout", "set database.statement_seconds"),
    ("lock_timeout", "write it as options=-c%20lock_timeout%3D<value>"),
    ("scram_client_key", "write the password into the URL"),
    ("scram_server_key", "write the password into the URL"),
    ("timezone", "remove it: times do not depend on it"),
];

/// Tells whether a pooler in transaction mode is in front of the database. Such a pooler may lend its connection to the
/// PostgreSQL server to another program after each transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Unknown: each connection is treated as pooled unless it proves to be direct.
    #[default]
    Detect,
    /// There is a pooler.
    Present,
    /// There is no pooler.
    Absent,
}

/// A PostgreSQL URL: the servers, the database and the parameters of connections.
#[derive(Clone)]
pub(in crate::database) struct PostgresUrl {
    pub(in crate::database) config: Config,
    pub(in crate::database) tls: TlsConfig,
    pub(in crate::database) pooler: Pooler,
    /// The schemas to use; `None` for the default of the role.
    pub(in crate::database) search_path: Option<SearchPath>,
}

impl PostgresUrl {
    /// Parses the part of a URL after `postgres://`.
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidDatabaseUrl> {
        let (servers, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = servers.split_once('/').unwrap_or((servers, ""));
        // A second `@` means that the password contains an `@` that is not percent-encoded. The URL is rejected,
        // because a part of the password would otherwise be read as a host, a database or a parameter.
        let is_cut = authority.matches('@').count() > 1 || database.contains('@') || query.contains('@');
        if is_cut || rest.contains('#') {
            return Err(InvalidDatabaseUrl::RawDelimiter);
        }
        if database.contains('&') {
            return Err(InvalidDatabaseUrl::Separator);
        }
        let (credentials, hosts) = authority.split_once('@').unwrap_or(("", authority));
        let mut parameters = Parameters::parse(query)?;
        let mut config = Config::new();
        set_credentials(&mut config, credentials, database, &mut parameters)?;
        set_hosts(&mut config, hosts, &mut parameters)?;
        set_socket(&mut config, &mut parameters)?;
        let tls = read_tls(&mut config, &mut parameters)?;
        let is_pooled = |name, parameters: &mut Parameters| {
            let is_on = [("true", true), ("1", true), ("on", true), ("false", false), ("0", false), ("off", false)];
            parameters.take_one_of(name, &is_on, "write true or false").map(|is_on| is_on == Some(true))
        };
        // `pgbouncer` is Prisma's name for the parameter, `pooled` is Taskbridge's.
        let is_pooled = is_pooled("pgbouncer", &mut parameters)? | is_pooled("pooled", &mut parameters)?;
        let pooler = if is_pooled { Pooler::Present } else { Pooler::Detect };
        let search_path = read_search_path(&mut config, &mut parameters)?;
        let names = [parameters.take("application_name"), parameters.take("fallback_application_name")];
        if let Some(name) = names.into_iter().flatten().next() {
            config.application_name(name);
        }
        check_constants(&mut parameters)?;
        let advice = "remove it; a setting of the server is written as options=-c%20<name>%3D<value>";
        parameters.finish(IGNORED, &UNSUPPORTED, advice)?;
        Ok(Self { config, tls, pooler, search_path })
    }

    /// Returns the number of hosts.
    pub(in crate::database) fn host_count(&self) -> usize {
        self.config.get_hosts().len().max(self.config.get_hostaddrs().len())
    }

    /// Returns the port of a host, which is given by its index in the URL.
    pub(in crate::database) fn port(&self, host: usize) -> u16 {
        let ports = self.config.get_ports();
        ports.get(host).or(ports.first()).copied().unwrap_or(DEFAULT_PORT)
    }

    /// Returns the hosts with their ports, as in the URL.
    pub(in crate::database) fn servers(&self) -> String {
        (0..self.host_count()).map(|index| self.server(index)).collect::<Vec<_>>().join(",")
    }

    /// Returns how connections are protected against attackers on the network path.
    pub(super) fn transport(&self) -> Transport {
        let is_local = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        };
        let addresses = self.config.get_hostaddrs();
        let hosts = self.config.get_hosts();
        if addresses.iter().all(IpAddr::is_loopback) && (!addresses.is_empty() || hosts.iter().all(is_local)) {
            return Transport::Local;
        }
        match (self.tls.verification, self.config.get_ssl_mode()) {
            (Verification::Full, _) => Transport::Verified { is_for_host: true },
            (Verification::Authority, _) => Transport::Verified { is_for_host: false },
            _ if self.config.get_channel_binding() == ChannelBinding::Require => Transport::ChannelBound,
            (Verification::None, SslMode::Require) => Transport::Unverified,
            (Verification::None, SslMode::Disable) => Transport::Plain,
            (Verification::None, _) => Transport::Opportunistic,
        }
    }

    /// Returns one host, which is given by its index in the URL, with its port.
    fn server(&self, index: usize) -> String {
        let port = self.port(index);
        match (self.config.get_hosts().get(index), self.config.get_hostaddrs().get(index)) {
            (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]:{port}"),
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            (Some(Host::Unix(folder)), _) => format!("{}:{port}", folder.display()),
            (None, Some(IpAddr::V6(address))) => format!("[{address}]:{port}"),
            (None, address) => format!("{}:{port}", address.map(ToString::to_string).unwrap_or_default()),
        }
    }
}

/// Sets user, password and database. As in libpq, a parameter overrides the same value in the part before the `?`.
fn set_credentials(
    config: &mut Config,
    credentials: &str,
    database: &str,
    parameters: &mut Parameters,
) -> Result<(), InvalidDatabaseUrl> {
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (credentials, None),
    };
    if let Some(user) = parameters.take("user").or(Some(decode(user)?)).filter(|user| !user.is_empty()) {
        config.user(user);
    }
    let password = password.map(decode).transpose()?;
    if let Some(password) = parameters.take("password").or(password) {
        config.password(password);
    }
    if let Some(name) = parameters.take("dbname").or(Some(decode(database)?)).filter(|name| !name.is_empty()) {
        config.dbname(name);
    }
    Ok(())
}

/// Sets hosts, IP addresses and ports. As in libpq, the parameters override the hosts and ports in `authority`.
fn set_hosts(config: &mut Config, authority: &str, parameters: &mut Parameters) -> Result<(), InvalidDatabaseUrl> {
    let list = |text: String| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let named: Vec<_> = authority.split(',').map(host_and_port).collect::<Result<_, _>>()?;
    let addresses = parameters.take("hostaddr").map(list).unwrap_or_default();
    for address in &addresses {
        let advice = "write IP addresses, with commas between them";
        let address = address.parse().map_err(|_invalid| InvalidDatabaseUrl::Value { name: "hostaddr", advice })?;
        config.hostaddr(address);
    }
    let hosts = match parameters.take("host").map(list) {
        Some(hosts) => hosts,
        None if named.len() == 1 && named[0].0.is_empty() && addresses.is_empty() => vec!["localhost".to_owned()],
        None if named.iter().all(|(host, _)| host.is_empty()) && !addresses.is_empty() => Vec::new(),
        None => named.iter().map(|(host, _)| host.clone()).collect(),
    };
    if hosts.iter().any(String::is_empty) {
        return Err(InvalidDatabaseUrl::Host);
    }
    let ports = match parameters.take("port").map(list) {
        Some(ports) => ports.iter().map(|port| number(port)).collect::<Result<_, _>>()?,
        None if named.iter().all(|(_, port)| port.is_none()) => vec![DEFAULT_PORT],
        None => named.iter().map(|(_, port)| port.unwrap_or(DEFAULT_PORT)).collect::<Vec<_>>(),
    };
    let count = hosts.len().max(addresses.len());
    let fits = |length: usize| length == 0 || length == count;
    if !fits(hosts.len()) || !fits(addresses.len()) || !(ports.len() == 1 || ports.len() == count) {
        return Err(InvalidDatabaseUrl::HostCount);
    }
    for host in hosts {
        // As in libpq, a host that begins with a slash is the folder of a Unix socket.
        if host.starts_with('/') {
            config.host_path(host)
        } else {
            config.host(host)
        };
    }
    for port in ports {
        config.port(port);
    }
    Ok(())
}

/// Rejects every value that changes the default behavior, for parameters of which no other behavior is supported.
fn check_constants(parameters: &mut Parameters) -> Result<(), InvalidDatabaseUrl> {
    let advice = "GSSAPI is not supported; write disable, and sslmode=require for encryption";
    parameters.take_one_of("gssencmode", &[("disable", ()), ("prefer", ())], advice)?;
    let encodings = [("utf8", ()), ("UTF8", ()), ("utf-8", ()), ("UTF-8", ()), ("auto", ())];
    parameters.take_one_of("client_encoding", &encodings, "it is always UTF8")?;
    Ok(())
}

/// Splits a host and its port, as in `<host>:<port>`.
fn host_and_port(text: &str) -> Result<(String, Option<u16>), InvalidDatabaseUrl> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(InvalidDatabaseUrl::Host)?;
            let port =
                if port.is_empty() { None } else { Some(port.strip_prefix(':').ok_or(InvalidDatabaseUrl::Host)?) };
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    Ok((decode(host)?, port.filter(|port| !port.is_empty()).map(number).transpose()?))
}

fn number(port: &str) -> Result<u16, InvalidDatabaseUrl> {
    port.parse().ok().filter(|port| *port > 0).ok_or(InvalidDatabaseUrl::Port)
}

/// Sets the socket options and, for a URL that names several PostgreSQL servers, how one of them is chosen.
fn set_socket(config: &mut Config, parameters: &mut Parameters) -> Result<(), InvalidDatabaseUrl> {
    const WRITES: &str = "Taskbridge writes: use read-write, primary or any";
    let attributes = [
        ("any", TargetSessionAttrs::Any),
        ("read-write", TargetSessionAttrs::ReadWrite),
        ("primary", TargetSessionAttrs::ReadWrite),
    ];
    if let Some(attributes) = parameters.take_one_of("target_session_attrs", &attributes, WRITES)? {
        config.target_session_attrs(attributes);
    }
    let balancing = [("disable", LoadBalanceHosts::Disable), ("random", LoadBalanceHosts::Random)];
    if let Some(balancing) = parameters.take_one_of("load_balance_hosts", &balancing, "write disable or random")? {
        config.load_balance_hosts(balancing);
    }
    // A parameter with the value 0 is ignored, so that its default applies.
    let mut positive = |name, max| parameters.take_number(name, max).map(|number| number.filter(|number| *number > 0));
    if let Some(limit) = positive("connect_timeout", MAX_SECONDS)? {
        config.connect_timeout(Duration::from_secs(limit.into()));
    }
    if let Some(idle) = positive("keepalives_idle", MAX_SECONDS)? {
        config.keepalives_idle(Duration::from_secs(idle.into()));
    }
    if let Some(interval) = positive("keepalives_interval", MAX_SECONDS)? {
        config.keepalives_interval(Duration::from_secs(interval.into()));
    }
    // Both parameters have the same meaning: the first name is that of libpq, the second that of tokio-postgres.
    let counts = [positive("keepalives_count", 127)?, positive("keepalives_retries", 127)?];
    if let Some(count) = counts.into_iter().flatten().next() {
        config.keepalives_retries(count);
    }
    if let Some(limit) = positive("tcp_user_timeout", 1_000 * MAX_SECONDS)? {
        config.tcp_user_timeout(Duration::from_millis(limit.into()));
    }
    if let Some(is_on) = parameters.take_number("keepalives", 1)? {
        config.keepalives(is_on != 0);
    }
    Ok(())
}
