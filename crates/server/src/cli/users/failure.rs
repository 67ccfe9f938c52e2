//! Errors of the store, as an operator reads them.

use std::error::Error;

use anyhow::anyhow;
use taskbridge_domain::ports::{BanError, StoreError};
use taskbridge_domain::services::UserAdminError;

/// Replaces an error of the store by a text without the error of the database driver, which is logged at the level `debug`.
/// Returns other errors unchanged.
pub(super) fn without_driver_error(error: anyhow::Error) -> anyhow::Error {
    let Some(store_error) = store_error(&error) else { return error };
    tracing::debug!(error = store_error as &dyn Error, "the database failed");
    anyhow!(match store_error {
        StoreError::Unavailable(_) | StoreError::Busy =>
            "the database is busy or cannot be reached; nothing has been changed",
        StoreError::OutcomeUnknown(_) =>
            "the connection to the database broke before it confirmed the change, so it is unknown whether the change has \
             been made",
        StoreError::Corrupt(_) =>
            "the database refused a statement or contains an invalid value; nothing has been changed; RUST_LOG=debug shows \
             the error",
    })
}

fn store_error(error: &anyhow::Error) -> Option<&StoreError> {
    match error.downcast_ref() {
        Some(UserAdminError::Store(error) | UserAdminError::Ban(BanError::Store(error))) => Some(error),
        _ => error.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_store_have_no_text_of_the_driver() {
        let unavailable = || StoreError::Unavailable("code: 5".into());
        let unchanged = "nothing has been changed";
        for (error, expected) in [
            (unavailable().into(), unchanged),
            (UserAdminError::Store(unavailable()).into(), unchanged),
            (UserAdminError::Ban(BanError::Store(unavailable())).into(), unchanged),
            (StoreError::Busy.into(), unchanged),
            (StoreError::Corrupt("code: 5".into()).into(), unchanged),
            (StoreError::OutcomeUnknown("code: 5".into()).into(), "it is unknown whether the change has been made"),
        ] {
            let text = format!("{:#}", without_driver_error(error));
            assert!(text.contains(expected) && !text.contains("code"), "{text}");
            assert!(!text.contains("unknown") || !text.contains(unchanged), "{text}");
        }
        let unsupported = UserAdminError::Ban(BanError::Unsupported("add columns".into())).into();
        assert_eq!(format!("{:#}", without_driver_error(unsupported)), "the ban cannot be stored: add columns");
    }
}
