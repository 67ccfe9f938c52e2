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
    /// Other characters, such as a quotation mark or a command, come before the URL.
    #[error("must begin with the scheme of the URL; remove quotation marks and any other text before it")]
    Prefix,
    /// The scheme of the URL is that of another library or of a database that is not supported.
    #[error("has the scheme {scheme}, which is not supported; {advice}")]
    Scheme {
        /// The scheme of the URL, such as `mysql`.
        scheme: &'static str,
        /// What to write or use instead.
        advice: &'static str,
    },
    /// The user name, the password or a parameter contains a `#`, `/`, `?` or `@` that is not percent-encoded.
    #[error(
        "has a raw # / ? or @ in its user name, password or a parameter; percent-encode them: %23 for #, %2F for /, %3F \
         for ?, %40 for @"
    )]
    RawDelimiter,
    /// A `%` does not begin an escape sequence, or the escaped bytes are not UTF-8.
    #[error("has a % that does not begin a valid UTF-8 escape; write %25 for a literal %")]
    PercentEncoding,
    /// One of several hosts is empty, or the brackets around an IPv6 address are wrong.
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
    /// The URL has a parameter that Taskbridge does not know.
    #[error("has an unknown parameter{}; {advice}", quoted(name.as_deref()))]
    UnknownParameter {
        /// The name of the parameter, or `None` if it is not shown because it might be a part of a password.
        name: Option<String>,
        /// A question that contains the name that is probably meant, or the advice to remove the parameter.
        advice: String,
    },
    /// A parameter has no value.
    #[error("has a parameter without a value; write one, or remove the parameter")]
    NoValue,
    /// The parameters begin with `&` instead of a question mark.
    #[error("has a & before its parameters; begin them with ?, and write %26 for a & in the name of a database")]
    Separator,
    /// The URL names a client certificate without its private key, or the private key without the certificate.
    #[error(
        "has only one of sslcert and sslkey; write both for a client certificate, or sslrootcert for the authority of the \
         server"
    )]
    ClientCertificate,
    /// The URL has a parameter that Taskbridge knows but does not support.
    #[error("has the parameter {name}, which is not supported; {advice}")]
    Unsupported {
        /// The name of the parameter.
        name: &'static str,
        /// What to write or do instead of using the parameter.
        advice: &'static str,
    },
    /// The value of a parameter is not supported.
    #[error("has a value of {name} that is not supported; {advice}")]
    Value {
        /// The name of the parameter.
        name: &'static str,
        /// What to write instead, such as the supported values.
        advice: &'static str,
    },
    /// Two parameters contradict each other, or one name has two values.
    #[error("has contradictory parameters for {what}; remove one of them")]
    Conflict {
        /// What the parameters set, such as `the search path`.
        what: &'static str,
    },
    /// The path in the URL probably does not name the intended SQLite file.
    #[error("has a path that {problem}; {advice}")]
    Path {
        /// What is wrong with the path, such as `is a folder`.
        problem: &'static str,
        /// What to write instead.
        advice: &'static str,
    },
}

fn quoted(name: Option<&str>) -> String {
    name.map(|name| format!(" `{name}`")).unwrap_or_default()
}
