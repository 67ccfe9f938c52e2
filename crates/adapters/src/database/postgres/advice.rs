//! Describes errors from connecting to PostgreSQL, with advice.

use std::io::ErrorKind;

use rustls::CertificateError;
use taskbridge_schema::quoted;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::{DbError, SqlState};

use super::error::ConnectError;
use super::tls::TlsConfigError;
use crate::database::problem::DatabaseProblem;
use crate::database::url::{PostgresUrl, Roots};

impl DatabaseProblem {
    /// Describes why a connection cannot be opened.
    pub(in crate::database) fn from_postgres(error: &ConnectError, url: &PostgresUrl) -> Self {
        let servers = servers(url);
        match error {
            ConnectError::Lookup { host, source } => Self::new(
                format!("cannot resolve the host {host}: {source}"),
                "check the name of the host in DATABASE_URL, and the DNS of this machine",
            ),
            ConnectError::Io(error) => of_socket(error, url),
            ConnectError::Timeout(limit) => Self::new(
                format!("{servers} did not answer within {} seconds", limit.as_secs_f32()),
                "check host and port in DATABASE_URL and the firewalls in between, or raise connect_timeout in DATABASE_URL \
                 (else database.connect_seconds)",
            ),
            ConnectError::TlsConfig(error) => of_tls_config(error),
            ConnectError::NoTls => Self::new(
                format!("{servers} offers no TLS, which DATABASE_URL requires"),
                "turn TLS on in the server (ssl = on), or, on a trusted network only, write sslmode=disable",
            ),
            ConnectError::Certificate(reason) => of_certificate(reason, url),
            ConnectError::Tls(cause) if cause.to_string().contains("invalid dns name") => Self::new(
                format!("{servers} has a name that TLS cannot verify"),
                "write a host name of letters, digits and hyphens, or an IP address, in DATABASE_URL",
            ),
            ConnectError::Tls(cause) => Self::new(
                format!("the TLS handshake with {servers} failed: {cause}"),
                "check that the port in DATABASE_URL is that of PostgreSQL, and that the server speaks TLS 1.2 or 1.3",
            ),
            ConnectError::NoChannelBinding => Self::new(
                format!("{servers} did not use channel binding, which channel_binding=require demands"),
                "let the server authenticate this user by scram-sha-256 over TLS, or use sslmode=verify-full instead of \
                 channel_binding",
            ),
            ConnectError::NoPassword => Self::new(
                format!("{servers} requires a password, and DATABASE_URL has none"),
                "write it as postgres://<user>:<password>@<host>/<database>",
            ),
            ConnectError::Database(error) => of_refusal(error, url),
            ConnectError::NoSchema(schema) => {
                let (schema, user) = (if schema == "$user" { user(url) } else { quoted(schema) }, user(url));
                Self::new(
                    format!("the schema {schema} in DATABASE_URL does not exist"),
                    format!("run: create schema {schema} authorization {user}"),
                )
            }
            ConnectError::NoUsage(schema) => Self::new(
                format!("the user may not use the schema {} in DATABASE_URL", quoted(schema)),
                format!("run: grant usage on schema {} to {}", quoted(schema), user(url)),
            ),
            ConnectError::SearchPath { in_effect, demanded } => Self::new(
                format!(
                    "the search path is {in_effect}, but DATABASE_URL requires {demanded}, which cannot be set for a \
                     session because a pooler may be in between"
                ),
                format!(
                    "run: alter role {} in database {} set search_path = {demanded}; or, if there is no pooler, set \
                     database.pooled to off",
                    user(url),
                    database(url)
                ),
            ),
            ConnectError::ReadOnly => Self::new(
                format!("{servers} is read-only"),
                "name the primary in DATABASE_URL instead of a standby, or all servers with commas between them",
            ),
            ConnectError::Driver(cause) => Self::new(
                format!("{servers} sent an unexpected reply: {cause}"),
                "check that the port in DATABASE_URL is that of PostgreSQL",
            ),
        }
    }
}

fn of_socket(error: &std::io::Error, url: &PostgresUrl) -> DatabaseProblem {
    let servers = servers(url);
    let is_local = matches!(url.config.get_hosts(), [Host::Unix(_)]);
    match error.kind() {
        ErrorKind::NotFound if is_local => DatabaseProblem::new(
            format!("there is no socket of PostgreSQL at {servers}"),
            "check the folder in `host`: it contains .s.PGSQL.<port> while the server runs",
        ),
        ErrorKind::ConnectionRefused => DatabaseProblem::new(
            format!("{servers} refused the connection"),
            "check that the database is running, and check host and port in DATABASE_URL; in a container, localhost is the \
             container itself",
        ),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => DatabaseProblem::new(
            format!("{servers} closed the connection"),
            "check that the port in DATABASE_URL is that of PostgreSQL; see the log of the database",
        ),
        // The driver reports a message that it cannot read.
        ErrorKind::Other | ErrorKind::InvalidData | ErrorKind::InvalidInput if !is_local => DatabaseProblem::new(
            format!("{servers} answered, but not as PostgreSQL does"),
            "check that host and port in DATABASE_URL are those of PostgreSQL, not of another program",
        ),
        _ => DatabaseProblem::new(
            format!("cannot reach {servers}: {error}"),
            "check host and port in DATABASE_URL, and the network in between",
        ),
    }
}

fn of_tls_config(error: &TlsConfigError) -> DatabaseProblem {
    let advice = match error {
        TlsConfigError::Certificates { .. } | TlsConfigError::NoCertificate(_) => {
            "name a PEM file with certificates in sslrootcert or sslcert"
        }
        TlsConfigError::NoSystemRoots => "install the package ca-certificates, or name a file in sslrootcert",
        TlsConfigError::Key { .. } | TlsConfigError::Client(_) => {
            "name a PEM file with the unencrypted key of the certificate in sslkey"
        }
        TlsConfigError::Other(_) => "check the TLS parameters in DATABASE_URL",
    };
    DatabaseProblem::new(error.to_string(), advice)
}

fn of_certificate(reason: &CertificateError, url: &PostgresUrl) -> DatabaseProblem {
    let servers = servers(url);
    let found = |what: &str| format!("the certificate of {servers} {what}");
    match reason {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => DatabaseProblem::new(
            found("is for another host"),
            "write the host in DATABASE_URL as the certificate names it, or sslmode=verify-ca to accept any host of the \
             authority",
        ),
        CertificateError::UnknownIssuer => {
            let advice = match &url.tls.roots {
                Roots::File(file) => {
                    format!("name the certificate of its authority in sslrootcert; {} is not that", file.display())
                }
                Roots::Web | Roots::System => {
                    "name the PEM file with the certificate of its authority: sslrootcert=<file>".to_owned()
                }
            };
            DatabaseProblem::new(found("is not signed by an authority that is trusted"), advice)
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            DatabaseProblem::new(found("has expired"), "renew it in the server, or correct the clock of this machine")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            DatabaseProblem::new(found("is not valid yet"), "correct the clock of this machine or of the authority")
        }
        CertificateError::Other(other) if other.to_string().contains("UnsupportedCertVersion") => DatabaseProblem::new(
            found("is of X.509 version 1"),
            "make a certificate of version 3, with the host as subjectAltName",
        ),
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => DatabaseProblem::new(
            found("is that of an authority (CA:TRUE)"),
            "name this certificate itself in sslrootcert, or give the server one without CA:TRUE",
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        | CertificateError::BadSignature => DatabaseProblem::new(
            found("has a key or a signature that is not supported"),
            "give the server a certificate with SHA-256 and a key of RSA with 2048 bits, P-256, P-384 or Ed25519",
        ),
        reason => DatabaseProblem::new(
            found(&format!("is not accepted: {reason}")),
            "renew the certificate of the server, or name its authority in sslrootcert",
        ),
    }
}

/// Describes an error that the PostgreSQL server or a pooler reported, by its SQLSTATE (appendix A of PostgreSQL's
/// manual).
fn of_refusal(error: &DbError, url: &PostgresUrl) -> DatabaseProblem {
    let message = error.message();
    let said = format!("{} refused: {message}", servers(url));
    match *error.code() {
        _ if message.contains("unsupported startup parameter") => DatabaseProblem::new(
            format!("a pooler refused a parameter: {message}"),
            format!("remove it from DATABASE_URL, and set it in the server: alter role {} set …", user(url)),
        ),
        _ if message.contains("no such database") => no_database(said, url),
        SqlState::INVALID_CATALOG_NAME => no_database(said, url),
        SqlState::INVALID_PASSWORD => DatabaseProblem::new(
            said,
            "correct user and password in DATABASE_URL, and percent-encode special characters",
        ),
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION if message.contains("pg_hba.conf") => {
            let is_plain = url.config.get_ssl_mode() == SslMode::Disable || message.contains("no encryption");
            let advice = if is_plain { "write sslmode=require, or allow" } else { "allow" };
            DatabaseProblem::new(said, format!("{advice} this host, user and database in pg_hba.conf of the server"))
        }
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION => DatabaseProblem::new(
            said,
            format!(
                "correct the user in DATABASE_URL, or run: create role {0} login; or: alter role {0} login",
                user(url)
            ),
        ),
        SqlState::INSUFFICIENT_PRIVILEGE => {
            DatabaseProblem::new(said, format!("run: grant connect on database {} to {}", database(url), user(url)))
        }
        SqlState::TOO_MANY_CONNECTIONS => DatabaseProblem::new(
            said,
            "lower database.max_connections of its clients, or put a pooler in front of the database",
        ),
        SqlState::CANNOT_CONNECT_NOW => DatabaseProblem::new(said, "wait until the database has started"),
        _ => DatabaseProblem::new(said, "see the log of the database"),
    }
}

fn no_database(found: String, url: &PostgresUrl) -> DatabaseProblem {
    DatabaseProblem::new(found, format!("run: create database {}; or name another one in DATABASE_URL", database(url)))
}

/// Returns the name of the server in the URL. If the URL has several, returns "one of" and all their names.
fn servers(url: &PostgresUrl) -> String {
    let servers = url.servers();
    if url.host_count() > 1 { format!("one of {servers}") } else { servers }
}

fn user(url: &PostgresUrl) -> String {
    url.config.get_user().map_or_else(|| "<user>".to_owned(), quoted)
}

fn database(url: &PostgresUrl) -> String {
    url.config.get_dbname().map_or_else(|| "<database>".to_owned(), quoted)
}
