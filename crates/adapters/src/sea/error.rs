//! What a database error means to the domain.

use sea_orm::DbErr;
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

/// The port's error for one of sea-orm: a value that cannot be read is corrupt, all else may pass.
pub(super) fn store_error(error: DbErr) -> StoreError {
    match error {
        DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } | DbErr::ConvertFromU64(_) => {
            StoreError::Corrupt(Box::new(error))
        }
        error => StoreError::Unavailable(Box::new(error)),
    }
}
