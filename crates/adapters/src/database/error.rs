//! Conversion of database errors to the errors that the storage ports of the domain return.

use sea_orm::DbErr;
use sqlx::error::ErrorKind;
use taskbridge_domain::Cause;
use taskbridge_domain::ports::StoreError;
use tokio_postgres::error::SqlState;

use super::driver_error::driver_error;
use super::postgres::{Effect, StatementError, sql_state_may_pass};

/// A stored value that the domain does not allow.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, column {column}: invalid value")]
pub(crate) struct Inconsistency {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

impl From<Inconsistency> for StoreError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::Corrupt(Box::new(inconsistency))
    }
}

/// Converts an error to a [`StoreError`]: `OutcomeUnknown` if a write may have taken effect, `Unavailable` if the error
/// may be temporary, and otherwise `Corrupt`.
pub(super) fn store_error(error: DbErr) -> StoreError {
    let is_unknown = matches!(driver_error(&error), Some(StatementError::OutcomeUnknown(_)));
    let may_pass = may_pass(&error);
    let cause: Cause = match error {
        // The wrapper is removed, because its own text does not describe the error.
        DbErr::TryIntoErr { source, .. } => Box::new(source),
        error => Box::new(error),
    };
    if is_unknown {
        StoreError::OutcomeUnknown(cause)
    } else if may_pass {
        StoreError::Unavailable(cause)
    } else {
        StoreError::Corrupt(cause)
    }
}

/// Returns `true` if the error may be temporary, so that the same statement may succeed later.
pub(super) fn may_pass(error: &DbErr) -> bool {
    match (driver_error::<StatementError>(error), driver_error::<sqlx::Error>(error)) {
        (Some(StatementError::Database(error)), _) => sql_state_may_pass(error.code().code()),
        (Some(failure), _) => !matches!(failure, StatementError::Value(_)),
        (None, Some(error)) => sqlite_may_pass(error),
        (None, None) => false,
    }
}

fn sqlite_may_pass(error: &sqlx::Error) -> bool {
    match error {
        // The low byte of SQLite's error code is the primary result code. These codes mean busy, locked, read-only,
        // interrupted, I/O error, full, and cannot open.
        sqlx::Error::Database(error) => error
            .code()
            .and_then(|code| code.parse::<u32>().ok())
            .is_some_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 9 | 10 | 13 | 14)),
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        _ => false,
    }
}

/// Returns `true` if a transaction that failed with this error certainly had no effect and may be repeated. Returns
/// `false` if a commit failed and may nevertheless have taken effect.
pub(super) fn is_repeatable(error: &DbErr) -> bool {
    driver_error(error).is_some_and(|error: &StatementError| error.allows_repetition(Effect::None))
}

/// The kind of constraint that a write violates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    Unique,
    ForeignKey,
}

/// Returns the kind of constraint that the error reports as violated.
pub(super) fn violation(error: &DbErr) -> Option<Violation> {
    if let Some(failure) = driver_error::<StatementError>(error) {
        return match *failure.sql_state()? {
            SqlState::UNIQUE_VIOLATION => Some(Violation::Unique),
            SqlState::FOREIGN_KEY_VIOLATION => Some(Violation::ForeignKey),
            _ => None,
        };
    }
    match driver_error::<sqlx::Error>(error)?.as_database_error()?.kind() {
        ErrorKind::UniqueViolation => Some(Violation::Unique),
        ErrorKind::ForeignKeyViolation => Some(Violation::ForeignKey),
        _ => None,
    }
}
