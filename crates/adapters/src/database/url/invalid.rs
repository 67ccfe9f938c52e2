//! Errors from parsing a database URL.

use thiserror::Error;

/// An error from parsing a database URL. Its message is the end of a sentence that begins with the name of the setting:
/// it starts with a verb, and gives advice after a semicolon. It never contains a value from the URL, because that may
/// be a part of a password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidDatabaseUrl {
    /// The text is not the URL of a supported database.
    #[error("must be sqlite://<path> or postgres://<user>:<password>@<host>/<database>")]
    Form,
    /// Other characters, such as quotation marks or a command, surround the URL.
    #[error("must begin with the scheme of the URL; remove quotation marks and any other text before it")]
    Prefix,
    /// The scheme belongs to another library or another database.
    #[error("has the scheme {scheme}, which is not supported; {advice}")]
    Scheme {
        /// The scheme.
        scheme: &'static str,
        /// The form to write instead.
        advice: &'static str,
    },
    /// A user name or a password contains a delimiter.
    #[error(
        "has a raw # / ? or @ in its user name, password or a parameter; percent-encode them: %23 for #, %2F for /, %3F \
         for ?, %40 for @"
    )]
    RawDelimiter,
    /// A `%` does not begin an escape sequence, or the escaped bytes are not UTF-8.
    #[error("has a % that does not begin a valid UTF-8 escape; write %25 for a literal %")]
    PercentEncoding,
    /// One of several hosts is empty, or a bracket is missing.
    #[error("has a host that cannot be read; write <host>:<port>, and an IPv6 address in brackets: [::1]:5432")]
    Host,
    /// A port is not a number from 1 to 65535.
    #[error(
        "has a port that is not a number from 1 to 65535; correct it, and write an IPv6 address in brackets: [::1]:5432"
    )]
    Port,
    /// The URL has different numbers of hosts, IP addresses and ports.
    #[error(
        "has different numbers of hosts, addresses (hostaddr) and ports; give one port for all hosts or one for each"
    )]
    HostCount,
    /// A parameter is not known.
    #[error("has an unknown parameter{}; {advice}", quoted(name.as_deref()))]
    UnknownParameter {
        /// The name, or `None` if it might be the rest of a password that contains an unescaped `&`.
        name: Option<String>,
        /// The name that is probably meant, or the advice to remove the parameter.
        advice: String,
    },
    /// A parameter has no value.
    #[error("has a parameter without a value; write one, or remove the parameter")]
    NoValue,
    /// The parameters do not begin with a question mark.
    #[error("has a & before its parameters; begin them with ?, and write %26 for a & in the name of a database")]
    Separator,
    /// The URL names a client certificate without its private key, or the private key without the certificate.
    #[error(
        "has only one of sslcert and sslkey; write both for a client certificate, or sslrootcert for the authority of the \
         server"
    )]
    ClientCertificate,
    /// A known parameter is not supported.
    #[error("has the parameter {name}, which is not supported; {advice}")]
    Unsupported {
        /// The name.
        name: &'static str,
        /// An alternative.
        advice: &'static str,
    },
    /// The value of a parameter is not supported.
    #[error("has a value of {name} that is not supported; {advice}")]
    Value {
        /// The name of the parameter.
        name: &'static str,
        /// The possible values.
        advice: &'static str,
    },
    /// Two parameters contradict each other, or one name has two values.
    #[error("has contradictory parameters for {what}; remove one of them")]
    Conflict {
        /// The subject of the parameters.
        what: &'static str,
    },
    /// The path of a SQLite file is ambiguous.
    #[error("has a path that {problem}; {advice}")]
    Path {
        /// The problem.
        problem: &'static str,
        /// The form to write instead.
        advice: &'static str,
    },
}

fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}
