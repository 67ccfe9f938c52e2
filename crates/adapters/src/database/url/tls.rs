//! The TLS parameters of a PostgreSQL URL.

use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};

use super::InvalidDatabaseUrl;
use super::parameters::Parameters;

/// The protection of the connections against an attacker on the network path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// A SQLite file, or a PostgreSQL server on this machine.
    Local,
    /// TLS with a certificate that a trusted CA has signed.
    Verified {
        /// `true` if the certificate must be for the host (`verify-full`).
        is_for_host: bool,
    },
    /// TLS with channel binding: the PostgreSQL server proves on this TLS connection that it knows the password.
    ChannelBound,
    /// TLS with any certificate: an attacker who impersonates the PostgreSQL server can read everything.
    Unverified,
    /// TLS only if the PostgreSQL server offers it, which an attacker can prevent.
    Opportunistic,
    /// Plain text.
    Plain,
}

/// Verification of the PostgreSQL server's certificate, as libpq's `sslmode` defines it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::database) enum Verification {
    /// Any certificate is accepted.
    #[default]
    None,
    /// The certificate must be signed by a trusted CA (`verify-ca`).
    Authority,
    /// The certificate must also be for the host in the URL (`verify-full`).
    Full,
}

/// The CAs that may sign the PostgreSQL server's certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::database) enum Roots {
    /// The CAs that browsers trust. Their certificates are built in.
    #[default]
    Web,
    /// The CAs that the operating system trusts.
    System,
    /// The certificates in a PEM file. The PostgreSQL server's own certificate may be one of them.
    File(PathBuf),
}

/// The TLS parameters of a URL.
#[derive(Debug, Clone)]
pub(in crate::database) struct TlsConfig {
    pub(in crate::database) verification: Verification,
    pub(in crate::database) roots: Roots,
    /// PEM files with the client certificate of Taskbridge and its private key.
    pub(in crate::database) client_certificate: Option<(PathBuf, PathBuf)>,
    /// `true` to begin with the TLS handshake instead of PostgreSQL's own request for TLS (PostgreSQL 17 or later).
    pub(in crate::database) is_direct: bool,
    /// `false` to omit the host name (SNI) from the handshake.
    pub(in crate::database) sends_server_name: bool,
    pub(in crate::database) needs_tls13: bool,
}

/// Reads the parameters for TLS and for the verification of the PostgreSQL server.
pub(super) fn read_tls(config: &mut Config, parameters: &mut Parameters) -> Result<TlsConfig, InvalidDatabaseUrl> {
    let mode = read_ssl_mode(parameters)?;
    let roots = parameters.take("sslrootcert");
    let roots = match roots.as_deref() {
        Some("system") => Roots::System,
        Some(file) => Roots::File(file.into()),
        None => Roots::Web,
    };
    let mode = match (mode, &roots) {
        (Some(mode), Roots::System) if mode != Mode::VerifyFull => {
            let advice = "sslrootcert=system requires sslmode=verify-full";
            return Err(InvalidDatabaseUrl::Value { name: "sslrootcert", advice });
        }
        // `verify-ca` does not check the host name. A public CA also signs certificates for an attacker's own host, so
        // the attacker could impersonate the PostgreSQL server.
        (Some(Mode::VerifyCa), Roots::Web) => {
            let advice = "verify-ca requires sslrootcert=<file>; write verify-full for a public authority";
            return Err(InvalidDatabaseUrl::Value { name: "sslmode", advice });
        }
        (None, Roots::System) => Mode::VerifyFull,
        // As in libpq, a file in `sslrootcert` turns `require` into `verify-ca`.
        (Some(Mode::Require), Roots::File(_)) => Mode::VerifyCa,
        (mode, _) => mode.unwrap_or(Mode::Prefer),
    };
    let (ssl_mode, verification) = match mode {
        Mode::Disable => (SslMode::Disable, Verification::None),
        Mode::Prefer => (SslMode::Prefer, Verification::None),
        Mode::Require => (SslMode::Require, Verification::None),
        Mode::VerifyCa => (SslMode::Require, Verification::Authority),
        Mode::VerifyFull => (SslMode::Require, Verification::Full),
    };
    config.ssl_mode(ssl_mode);
    let binding = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    if let Some(binding) = parameters.take_one_of("channel_binding", &binding, "write disable, prefer or require")? {
        if binding == ChannelBinding::Require && mode == Mode::Disable {
            let advice = "channel_binding=require requires TLS: remove sslmode=disable";
            return Err(InvalidDatabaseUrl::Value { name: "channel_binding", advice });
        }
        config.channel_binding(binding);
    }
    let negotiation = [("postgres", SslNegotiation::Postgres), ("direct", SslNegotiation::Direct)];
    let negotiation = parameters.take_one_of("sslnegotiation", &negotiation, "write postgres or direct")?;
    if negotiation == Some(SslNegotiation::Direct) && ssl_mode != SslMode::Require {
        let advice = "sslnegotiation=direct requires sslmode=require, verify-ca or verify-full";
        return Err(InvalidDatabaseUrl::Value { name: "sslnegotiation", advice });
    }
    config.ssl_negotiation(negotiation.unwrap_or_default());
    let is_sent = parameters.take_one_of("sslsni", &[("1", true), ("0", false)], "write 0 or 1")?;
    let versions = [("TLSv1", false), ("TLSv1.1", false), ("TLSv1.2", false), ("TLSv1.3", true)];
    let needs_tls13 =
        parameters.take_one_of("ssl_min_protocol_version", &versions, "write TLSv1.2 or TLSv1.3")? == Some(true);
    let client_certificate = match (parameters.take("sslcert"), parameters.take("sslkey")) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        _ => return Err(InvalidDatabaseUrl::ClientCertificate),
    };
    Ok(TlsConfig {
        verification,
        roots,
        client_certificate,
        is_direct: negotiation == Some(SslNegotiation::Direct),
        sends_server_name: is_sent != Some(false),
        needs_tls13,
    })
}

/// A value of libpq's `sslmode`. `allow` is treated as `prefer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

fn read_ssl_mode(parameters: &mut Parameters) -> Result<Option<Mode>, InvalidDatabaseUrl> {
    const MODES: [(&str, Mode); 6] = [
        ("disable", Mode::Disable),
        ("allow", Mode::Prefer),
        ("prefer", Mode::Prefer),
        ("require", Mode::Require),
        ("verify-ca", Mode::VerifyCa),
        ("verify-full", Mode::VerifyFull),
    ];
    const SWITCH: [(&str, Mode); 4] =
        [("true", Mode::Require), ("1", Mode::Require), ("false", Mode::Disable), ("0", Mode::Disable)];
    const NO_VERIFY: &str =
        "no-verify is written as sslmode=require, which encrypts and does not check the certificate";
    let switches: Vec<_> = MODES.into_iter().chain(SWITCH).collect();
    let mut read = |name, values: &[(&str, Mode)], advice| match parameters.take(name) {
        Some(value) if value == "no-verify" => Err(InvalidDatabaseUrl::Value { name, advice: NO_VERIFY }),
        Some(value) => {
            let mode = values.iter().find(|(known, _)| *known == value).map(|(_, mode)| *mode);
            mode.map(Some).ok_or(InvalidDatabaseUrl::Value { name, advice })
        }
        None => Ok(None),
    };
    let mode = read("sslmode", &MODES, "write disable, prefer, require, verify-ca or verify-full")?;
    // JDBC and node-postgres name the parameter `ssl`.
    let switch = read("ssl", &switches, "write sslmode=require, or verify-full to check the certificate")?;
    // `sslaccept` is Prisma's parameter for the verification of the certificate.
    let checks = [("strict", Some(Mode::VerifyFull)), ("accept_invalid_certs", None)];
    let strict = parameters.take_one_of("sslaccept", &checks, "write strict or accept_invalid_certs")?.flatten();
    match (mode, switch, strict) {
        (Some(Mode::VerifyCa | Mode::VerifyFull), Some(Mode::Require), _) => Ok(strict.or(mode)),
        (Some(mode), Some(switch), _) if mode != switch => {
            Err(InvalidDatabaseUrl::Conflict { what: "TLS, by ssl and sslmode" })
        }
        (Some(Mode::Disable), _, Some(_)) | (None, Some(Mode::Disable), Some(_)) => {
            Err(InvalidDatabaseUrl::Conflict { what: "TLS, by sslaccept and sslmode" })
        }
        (mode, switch, strict) => Ok(strict.or(mode).or(switch)),
    }
}
