//! Errors from opening connections and executing statements.

use std::io;
use std::time::Duration;

use rustls::CertificateError;
use sea_orm::Statement;
use taskbridge_domain::Cause;
use tokio_postgres::error::{DbError, SqlState};

use super::tls::TlsConfigError;
use super::values::ValueError;
use crate::database::url::SearchPath;

/// An error from opening a connection.
#[derive(Debug, thiserror::Error)]
pub(in crate::database) enum ConnectError {
    /// A host name cannot be resolved.
    #[error("cannot resolve the host {host}: {source}")]
    Lookup { host: String, source: io::Error },
    /// The server cannot be reached, or the connection broke.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server did not answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// A certificate file cannot be used.
    #[error(transparent)]
    TlsConfig(#[from] TlsConfigError),
    /// The server does not offer TLS.
    #[error("the server does not support TLS")]
    NoTls,
    /// The server's certificate is not accepted.
    #[error("the server's certificate is not accepted: {0}")]
    Certificate(CertificateError),
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake failed: {0}")]
    Tls(Cause),
    /// The URL requires channel binding, but the server authenticates the user without it.
    #[error("the server did not use channel binding")]
    NoChannelBinding,
    /// The server requires a password, and the URL has none.
    #[error("the server requires a password")]
    NoPassword,
    /// The server or a pooler rejected the connection.
    #[error("{} (SQLSTATE {})", .0.message(), .0.code().code())]
    Database(Box<DbError>),
    /// The first schema of the search path does not exist.
    #[error("the schema \"{0}\" does not exist")]
    NoSchema(String),
    /// The user lacks the privilege to use the first schema of the search path.
    #[error("the schema \"{0}\" may not be used")]
    NoUsage(String),
    /// The search path is not the one in the URL, and cannot be set for the session because there may be a pooler.
    #[error("the search path is {in_effect}, not {demanded}")]
    SearchPath { in_effect: String, demanded: SearchPath },
    /// The PostgreSQL server accepts no writes.
    #[error("the server is read-only")]
    ReadOnly,
    /// The driver reported another error.
    #[error("{0}")]
    Driver(Cause),
}

impl ConnectError {
    /// Returns `true` if the error may disappear without a change of the settings, perhaps only after minutes. When
    /// Taskbridge starts, it repeats the attempt after such an error.
    pub(in crate::database) fn may_pass(&self) -> bool {
        match self {
            Self::Lookup { .. } | Self::Io(_) | Self::Timeout(_) | Self::ReadOnly => true,
            Self::Database(error) => sql_state_may_pass(error.code().code()),
            _ => false,
        }
    }

    /// Returns `true` if another attempt to connect may succeed within seconds. Taskbridge then repeats the attempt
    /// while the HTTP request waits.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Io(error) => is_of_the_connection(error),
            Self::Timeout(_) | Self::ReadOnly => true,
            // These codes mean that the server has too many connections, or is starting, stopping or recovering.
            Self::Database(error) => {
                *error.code() == SqlState::TOO_MANY_CONNECTIONS || error.code().code().starts_with("57P")
            }
            _ => false,
        }
    }

    /// Returns `true` if the error concerns one server only, so that the next one in the URL is tried. Authentication
    /// and TLS errors concern all servers.
    pub(super) fn is_of_one_server(&self) -> bool {
        match self {
            Self::Lookup { .. } | Self::Io(_) | Self::Timeout(_) | Self::ReadOnly => true,
            // These codes mean that the server is starting, stopping or recovering.
            Self::Database(error) => error.code().code().starts_with("57P"),
            _ => false,
        }
    }

    /// Returns `true` if `pg_hba.conf` does not allow the connection. With `sslmode=prefer`, a connection without TLS
    /// may then succeed.
    pub(super) fn allows_plain_text(&self) -> bool {
        matches!(self, Self::Database(error) if *error.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
    }
}

/// Returns `true` if the peer refused or closed the connection.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset | BrokenPipe | UnexpectedEof)
}

/// Converts an I/O error, which may contain a TLS error. `is_about_tls` tells whether the driver reported it as an
/// error of TLS.
fn io_or_tls(error: io::Error, is_about_tls: bool) -> ConnectError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => ConnectError::Certificate(reason.clone()),
        Some(other) => ConnectError::Tls(other.to_string().into()),
        None if is_about_tls && !is_of_the_connection(&error) => ConnectError::Tls(error.into()),
        None => ConnectError::Io(error),
    }
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::Database(Box::new(error.clone()));
        }
        if error.is_closed() {
            return Self::Io(io::ErrorKind::UnexpectedEof.into());
        }
        // The driver exposes the kind of an error only in its text.
        let is_about_tls = error.to_string().contains("TLS");
        let Some(source) = error.into_source() else {
            return Self::Driver("the server sent an unexpected message".into());
        };
        match source.downcast::<io::Error>() {
            Ok(error) => io_or_tls(*error, is_about_tls),
            Err(source) => match source.to_string().as_str() {
                "server does not support TLS" => Self::NoTls,
                "server did not use channel binding" => Self::NoChannelBinding,
                "password missing" => Self::NoPassword,
                _ if is_about_tls => Self::Tls(source),
                _ => Self::Driver(source),
            },
        }
    }
}

impl From<StatementError> for ConnectError {
    fn from(failure: StatementError) -> Self {
        match failure {
            StatementError::Database(error) => Self::Database(error),
            StatementError::Lost(cause) | StatementError::NotSent(cause) => match cause.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(cause) => Self::Driver(cause),
            },
            other => Self::Driver(other.into()),
        }
    }
}

/// An error from executing a statement.
#[derive(Debug, thiserror::Error)]
pub(in crate::database) enum StatementError {
    /// No connection became free in time.
    #[error("no database connection became free in time")]
    NoConnection,
    /// No connection can be opened now, because the database cannot be reached.
    #[error("the database cannot be reached")]
    Down,
    /// A connection could not be opened, for the reason in the contained error.
    #[error("cannot connect to the database: {0}")]
    Connect(ConnectError),
    /// The connection was already broken: the statement was not sent.
    #[error("the connection to the database is broken: {0}")]
    NotSent(Cause),
    /// The connection broke before the statement had a result.
    #[error("the connection to the database was lost: {0}")]
    Lost(Cause),
    /// The statement did not end in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// A write was sent and its result is unknown: the server may have executed it.
    #[error("it is not known whether the write took effect")]
    OutcomeUnknown(#[source] Box<StatementError>),
    /// The server reported an error. The statement had no effect.
    #[error("{} (SQLSTATE {})", .0.message(), .0.code().code())]
    Database(Box<DbError>),
    /// A parameter, or a value in the result, cannot be converted.
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// The text of [`StatementError::Connect`] contains that of its cause, so it has no source: a log that prints the sources
/// would repeat the text.
impl From<ConnectError> for StatementError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl StatementError {
    /// Returns the error for a connection that the PostgreSQL server or a pooler has closed.
    pub(in crate::database) fn connection_closed() -> Self {
        Self::Lost(io::Error::from(io::ErrorKind::UnexpectedEof).into())
    }

    /// Returns the SQLSTATE that the PostgreSQL server reported.
    pub(in crate::database) fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Database(error) => Some(error.code()),
            _ => None,
        }
    }

    /// Returns `true` if the connection must not be used again.
    pub(super) fn breaks_connection(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::Lost(_) | Self::Timeout | Self::OutcomeUnknown(_) => true,
            Self::Database(_) => {
                self.is_read_only() || self.is_statement_mismatch() || self.is_stale_plan() || self.is_shutdown()
            }
            Self::NoConnection | Self::Down | Self::Connect(_) | Self::Value(_) => false,
        }
    }

    /// Returns `true` if the PostgreSQL server rejected the statement because it accepts no writes.
    pub(super) fn is_read_only(&self) -> bool {
        self.sql_state() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// Returns `true` if a named statement was missing, existed already, or had other parameters. This happens only
    /// behind a pooler. The statement was not executed.
    pub(super) fn is_statement_mismatch(&self) -> bool {
        const MISMATCH: [SqlState; 3] =
            [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT, SqlState::PROTOCOL_VIOLATION];
        self.sql_state().is_some_and(|state| MISMATCH.contains(state))
    }

    /// Returns `true` if a table was altered after the statement was prepared ("cached plan must not change result
    /// type"). The statement was not executed, and would fail again on the same connection.
    pub(super) fn is_stale_plan(&self) -> bool {
        self.sql_state() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
    }

    /// Returns `true` if the PostgreSQL server or a pooler is closing the connection, or is still starting.
    pub(super) fn is_shutdown(&self) -> bool {
        self.sql_state().is_some_and(|state| state.code().starts_with("57P") || state.code().starts_with("08"))
    }

    /// Returns `true` if a statement with this effect may be repeated on another connection after the error.
    pub(in crate::database) fn allows_repetition(&self, effect: Effect) -> bool {
        // A statement is not repeated after a timeout, because the HTTP request would wait twice as long.
        self.excludes_execution() || effect == Effect::None && (matches!(self, Self::Lost(_)) || self.is_shutdown())
    }

    /// Returns `true` if the statement certainly had no effect and may succeed on another connection.
    fn excludes_execution(&self) -> bool {
        const NOT_EXECUTED: [SqlState; 7] = [
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::DUPLICATE_PSTATEMENT,
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // These two codes mean that the transaction was rolled back because of a conflict with another one.
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
        ];
        matches!(self, Self::NotSent(_)) || self.sql_state().is_some_and(|state| NOT_EXECUTED.contains(state))
    }

    /// Converts the error of a write. Returns [`Self::OutcomeUnknown`] if the write may have taken effect.
    pub(super) fn of_a_write(self) -> Self {
        let is_unknown = match &self {
            Self::Lost(_) | Self::Timeout => true,
            // If the session ended while the write was running, the write may have been committed before. A pooler that
            // loses its connection to the PostgreSQL server reports 08P01.
            Self::Database(error) => {
                let ends_session = matches!(error.severity(), "FATAL" | "PANIC") || self.is_shutdown();
                ends_session && *error.code() != SqlState::CANNOT_CONNECT_NOW
            }
            _ => false,
        };
        if is_unknown { Self::OutcomeUnknown(Box::new(self)) } else { self }
    }

    /// Converts an error that occurred before the statement was sent: a lost connection becomes `NotSent`.
    pub(super) fn before_sending(self) -> Self {
        match self {
            Self::Lost(cause) => Self::NotSent(cause),
            other => other,
        }
    }
}

/// The effect that a statement has if it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::database) enum Effect {
    /// The statement only reads, or it is in a transaction that a later statement commits.
    None,
    /// The statement commits a transaction, or writes outside one.
    Lasting,
}

impl Effect {
    pub(super) fn of(statement: &Statement) -> Self {
        let is_read = statement.sql.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case("select"));
        if is_read { Self::None } else { Self::Lasting }
    }
}

/// Returns `true` if an error of this SQLSTATE may disappear without a change of settings or data.
///
/// Appendix A of PostgreSQL's manual lists the codes. This function accepts the classes connection exception (08),
/// transaction rollback (40), insufficient resources (53), operator intervention (57) and system error (58), and the
/// errors `lock_not_available` (55P03) and `read_only_sql_transaction` (25006).
pub(in crate::database) fn sql_state_may_pass(code: &str) -> bool {
    ["08", "40", "53", "57", "58", "55P03", "25006"].iter().any(|class| code.starts_with(class))
}

impl From<tokio_postgres::Error> for StatementError {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(error) => Self::Database(Box::new(error.clone())),
            None => match error.into_source() {
                Some(source) => match source.downcast::<ValueError>() {
                    Ok(error) => Self::Value(*error),
                    Err(source) => Self::Lost(source),
                },
                None => Self::connection_closed(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_text_of_a_connection_error_is_not_repeated_as_a_source() {
        let error = StatementError::from(ConnectError::ReadOnly);
        assert_eq!(error.to_string(), "cannot connect to the database: the server is read-only");
        assert!(error.source().is_none());
    }
}
