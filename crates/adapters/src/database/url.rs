//! Database URLs.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::sqlite::SqliteConnectOptions;
use thiserror::Error;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::postgres::{TlsConfig, Verification};

/// Parameters of a PostgreSQL URL that the driver knows under the same name and with the same values.
const DRIVER_PARAMETERS: [&str; 14] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "load_balance_hosts",
    "options",
    "password",
    "port",
    "user",
];

/// A text that is not the URL of a supported database. The text is not part of the message: it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be sqlite://<path> or postgres://<user>:<password>@<host>/<database>")]
pub struct InvalidDatabaseUrl;

/// The address of a database. Its `Debug` output shows the kind only.
#[derive(Clone)]
pub struct DatabaseUrl(pub(super) Kind);

#[derive(Clone)]
pub(super) enum Kind {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PostgresUrl>),
}

/// The servers, the database, and how to connect.
#[derive(Clone)]
pub(super) struct PostgresUrl {
    pub(super) config: Config,
    pub(super) tls: TlsConfig,
    pub(super) pooler: Pooler,
}

/// The presence of a pooler that gives the server connection to another client after each transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Each connection is treated as if there were one, until the opposite is proved of it.
    #[default]
    Detect,
    /// There is one.
    Present,
    /// There is none.
    Absent,
}

impl DatabaseUrl {
    /// Declares whether a pooler in transaction mode is in front of the database. Overrides the URL.
    #[must_use]
    pub fn with_pooler(mut self, declared: Pooler) -> Self {
        if let Kind::Postgres(url) = &mut self.0 {
            url.pooler = declared;
        }
        self
    }

    /// Returns what is declared about a pooler; [`Pooler::Absent`] for SQLite.
    #[must_use]
    pub fn pooler(&self) -> Pooler {
        match &self.0 {
            Kind::Sqlite(_) => Pooler::Absent,
            Kind::Postgres(url) => url.pooler,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Sqlite(_) => "DatabaseUrl(sqlite)",
            Kind::Postgres(_) => "DatabaseUrl(postgres)",
        })
    }
}

/// The address of the database, without user, password and parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Sqlite(options) => write!(f, "sqlite://{}", options.get_filename().display()),
            Kind::Postgres(url) => {
                let PostgresUrl { config, pooler, .. } = url.as_ref();
                let ports = config.get_ports();
                let hosts = config.get_hosts().iter().enumerate().map(|(index, host)| {
                    let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
                    match host {
                        Host::Tcp(name) => format!("{name}:{port}"),
                        Host::Unix(folder) => format!("{}:{port}", folder.display()),
                    }
                });
                let hosts = hosts.collect::<Vec<_>>().join(",");
                let pooler = match pooler {
                    Pooler::Detect => "auto",
                    Pooler::Present => "on",
                    Pooler::Absent => "off",
                };
                write!(f, "postgres://{hosts}/{}, pooled: {pooler}", config.get_dbname().unwrap_or_default())
            }
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidDatabaseUrl> {
        match text.split_once(':') {
            Some(("sqlite", _)) => {
                let options = text.parse().map_err(|_shows_the_url| InvalidDatabaseUrl)?;
                Ok(Self(Kind::Sqlite(Box::new(options))))
            }
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                postgres(text).map(|url| Self(Kind::Postgres(Box::new(url)))).ok_or(InvalidDatabaseUrl)
            }
            _ => Err(InvalidDatabaseUrl),
        }
    }
}

fn postgres(text: &str) -> Option<PostgresUrl> {
    let (servers, query) = text.split_once('?').unwrap_or((text, ""));
    // An @ elsewhere belongs to a password that is not percent-encoded: a part of it would become a host or a parameter.
    let (authority, path) = servers.split_once("//").map(|(_, rest)| rest.split_once('/').unwrap_or((rest, "")))?;
    let is_cut = !authority.contains('@') && query.contains('@');
    if path.contains('@') || authority.matches('@').count() > 1 || is_cut {
        return None;
    }
    let mut tls = TlsConfig::default();
    let mut pooler = Pooler::Detect;
    let (mut certificate, mut key) = (None, None);
    let mut known = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let decoded = |text| percent_decode_str(text).decode_utf8().ok();
        let (name, value) = (decoded(name)?, decoded(value)?);
        let file = || (!value.is_empty()).then(|| PathBuf::from(value.as_ref()));
        let mut driver = |name: &str, value: &str| {
            known.push(format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        };
        match (name.as_ref(), value.as_ref()) {
            ("sslmode", "verify-ca" | "verify-full") => {
                let is_full = value == "verify-full";
                tls.verification = if is_full { Verification::Full } else { Verification::Authority };
                driver("sslmode", "require");
            }
            ("sslmode", "allow") => driver("sslmode", "prefer"),
            ("sslmode", _) => driver("sslmode", &value),
            // The authorities of the web, and then always for the host.
            ("sslrootcert", "system") => tls.verification = Verification::Full,
            ("sslrootcert", _) => tls.root_certificates = file(),
            ("sslcert", _) => certificate = file(),
            ("sslkey", _) => key = file(),
            ("target_session_attrs", "primary") => driver("target_session_attrs", "read-write"),
            ("target_session_attrs", _) => driver("target_session_attrs", &value),
            // Prisma's name, and ours.
            ("pgbouncer" | "pooled", "true" | "1" | "on") => pooler = Pooler::Present,
            (name, _) if DRIVER_PARAMETERS.contains(&name) => driver(name, &value),
            _ => {}
        }
    }
    tls.client_certificate = certificate.zip(key);
    let mut config: Config = format!("{servers}?{}", known.join("&")).parse().ok()?;
    // As in libpq, authorities that are named are also asked.
    let is_required = config.get_ssl_mode() == SslMode::Require;
    if is_required && tls.root_certificates.is_some() && tls.verification == Verification::None {
        tls.verification = Verification::Authority;
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_application_name().is_none() && pooler != Pooler::Present {
        config.application_name("taskbridge");
    }
    Some(PostgresUrl { config, tls, pooler })
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::TargetSessionAttrs;

    use super::*;

    fn parse(text: &str) -> Option<DatabaseUrl> {
        text.parse().ok()
    }

    fn config(text: &str) -> Config {
        let Kind::Postgres(url) = parse(text).unwrap().0 else { panic!("{text}") };
        url.config
    }

    /// As Neon's console shows it.
    #[test]
    fn a_neon_url_is_taken_as_pasted() {
        let pooled = "postgresql://ann:hunter2@ep-cool-name-123-pooler.eu-central-1.aws.neon.tech/neondb?sslmode=require&channel_binding=require";
        let config = config(pooled);
        assert_eq!(config.get_hosts(), [Host::Tcp("ep-cool-name-123-pooler.eu-central-1.aws.neon.tech".into())]);
        assert_eq!((config.get_user(), config.get_dbname()), (Some("ann"), Some("neondb")));
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(parse(pooled).unwrap().pooler(), Pooler::Detect);
    }

    #[test]
    fn several_hosts_and_their_attributes_are_kept() {
        let url = "postgres://u@a.test:1,b.test:2,[::1]:3/db?target_session_attrs=read-write&connect_timeout=3";
        let config = config(url);
        assert_eq!((config.get_hosts().len(), config.get_ports()), (3, &[1, 2, 3][..]));
        assert_eq!(config.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        assert_eq!(parse(url).unwrap().to_string(), "postgres://a.test:1,b.test:2,::1:3/db, pooled: auto");
        assert!(parse("postgres://u@h/db?target_session_attrs=primary").is_some());
        assert!(parse("postgres://u@h/db?target_session_attrs=fastest").is_none());
    }

    #[test]
    fn tls_parameters_are_kept() {
        let url = "postgres://u@h/db?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem&sslcert=c.pem&sslkey=k.pem";
        let Kind::Postgres(url) = parse(url).unwrap().0 else { panic!("not PostgreSQL") };
        assert_eq!((url.config.get_ssl_mode(), url.tls.verification), (SslMode::Require, Verification::Full));
        assert_eq!(url.tls.root_certificates, Some("/etc/ca.pem".into()));
        assert_eq!(url.tls.client_certificate, Some(("c.pem".into(), "k.pem".into())));
        assert!(parse("postgres://u@h/db?sslmode=sometimes").is_none());
        for (parameters, verification) in [
            ("sslmode=require", Verification::None),
            ("sslmode=require&sslrootcert=ca.pem", Verification::Authority),
            ("sslmode=verify-ca&sslrootcert=ca.pem", Verification::Authority),
            ("sslmode=verify-full&sslrootcert=system", Verification::Full),
        ] {
            let Kind::Postgres(url) = parse(&format!("postgres://u@h/db?{parameters}")).unwrap().0 else { panic!() };
            assert_eq!(url.tls.verification, verification, "{parameters}");
        }
    }

    #[test]
    fn a_pooler_is_declared_by_parameter_or_by_setting() {
        for (url, pooler) in [
            ("postgres://u@localhost:6432/db", Pooler::Detect),
            ("postgres://u@localhost:6432/db?pgbouncer=true", Pooler::Present),
            ("postgres://u@localhost:6432/db?pgbouncer=true&connection_limit=1", Pooler::Present),
            ("postgres://u@localhost:6432/db?pgbouncer=false", Pooler::Detect),
            ("postgres://u@db-pooler/db", Pooler::Detect),
        ] {
            assert_eq!(parse(url).unwrap().pooler(), pooler, "{url}");
            for declared in [Pooler::Detect, Pooler::Present, Pooler::Absent] {
                assert_eq!(parse(url).unwrap().with_pooler(declared).pooler(), declared);
            }
        }
        assert_eq!(parse("sqlite://x.db").unwrap().with_pooler(Pooler::Present).pooler(), Pooler::Absent);
    }

    #[test]
    fn other_texts_are_refused_and_nothing_is_shown() {
        for text in [
            "",
            "x",
            "mysql://root:hunter2@localhost/db",
            "postgres:hunter2",
            "postgres://ann:hunter2@:x/",
            "postgres://ann:1/hunter2@h/db",
            "postgres://ann:1@hunter2@h/db",
            "postgres://ann:1?hunter2@h/db",
            "localhost:5432",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        let url = parse("postgres://ann:hunter2@localhost/db").unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(postgres)");
        assert_eq!(url.to_string(), "postgres://localhost:5432/db, pooled: auto");
        assert_eq!(url.with_pooler(Pooler::Present).to_string(), "postgres://localhost:5432/db, pooled: on");
        assert_eq!(parse("sqlite://./data/x.db?mode=rw").unwrap().to_string(), "sqlite://./data/x.db");
        assert!(!InvalidDatabaseUrl.to_string().contains("hunter2"));
    }
}
