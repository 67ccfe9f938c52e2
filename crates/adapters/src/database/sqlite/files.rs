//! The files of a database.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;

use crate::database::connect::OpenError;

/// Returns the path of a file that SQLite keeps next to that of the database.
pub(super) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Creates the folder of the file if it is missing.
pub(super) fn create_missing(options: &SqliteConnectOptions) -> Result<(), OpenError> {
    match options.get_filename().parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source }),
        _ => Ok(()),
    }
}
