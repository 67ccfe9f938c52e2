//! What a database error means to the domain.

use sea_orm::sqlx::Error as Driver;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::{DbErr, RuntimeErr};
use taskbridge_domain::ports::StoreError;

/// A row that the model cannot hold.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, column {column}: not a value of the model")]
pub(crate) struct Inconsistency {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
}

impl From<Inconsistency> for StoreError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::Corrupt(Box::new(inconsistency))
    }
}

/// The port's error for one of sea-orm: what may pass by itself is unavailable, all else is inconsistent.
pub(super) fn store_error(error: DbErr) -> StoreError {
    if may_pass(&error) { StoreError::Unavailable(Box::new(error)) } else { StoreError::Corrupt(Box::new(error)) }
}

/// Whether the same statement may succeed later without anybody changing it.
pub(super) fn may_pass(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error)) => {
            driver_may_pass(error)
        }
        _ => false,
    }
}

pub(super) fn driver_may_pass(error: &Driver) -> bool {
    match error {
        Driver::Database(error) => database_may_pass(error.as_ref()),
        Driver::Io(_)
        | Driver::Tls(_)
        | Driver::Protocol(_)
        | Driver::PoolTimedOut
        | Driver::PoolClosed
        | Driver::WorkerCrashed
        | Driver::BeginFailed => true,
        _ => false,
    }
}

fn database_may_pass(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    match code.parse::<u32>() {
        // SQLite's primary result codes (the low byte): busy, locked, read-only, I/O error, full, cannot open.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 8 | 10 | 13 | 14),
        // PostgreSQL's classes (appendix A of its manual): connection, transaction rollback, insufficient resources,
        // operator intervention and time-outs, system error, lock not available; and a server that only reads.
        _ => ["08", "40", "53", "57", "58", "55P03", "25006"].iter().any(|class| code.starts_with(class)),
    }
}
