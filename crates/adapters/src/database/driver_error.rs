//! Wraps errors of the database drivers in sea-orm's error type `DbErr`. `DbErr::TryIntoErr` is used, because it is the
//! only variant that can contain an arbitrary error.

use std::error::Error;
use std::sync::Arc;

use sea_orm::DbErr;

/// Wraps the error of a database driver. [`driver_error`] unwraps it.
pub(super) fn to_db_err(error: impl Error + Send + Sync + 'static) -> DbErr {
    DbErr::TryIntoErr { from: "statement", into: "result", source: Arc::new(error) }
}

/// Returns the error that [`to_db_err`] has wrapped, if it has the type `E`.
pub(super) fn driver_error<E: Error + 'static>(error: &DbErr) -> Option<&E> {
    match error {
        DbErr::TryIntoErr { source, .. } => source.downcast_ref(),
        _ => None,
    }
}
