//! The files of a database, which only their owner may read.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::database::connect::OpenError;

/// Returns the path of a file that SQLite keeps next to that of the database.
pub(in crate::database) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Creates the file and its folder if they are missing. Does not change the mode of a file or folder that exists.
///
/// SQLite would create the file with a mode that lets others read it. `-wal` and `-shm` get the mode of the file.
pub(super) fn create_missing(options: &SqliteConnectOptions) -> Result<(), OpenError> {
    let file = options.get_filename();
    let is_uri = file.as_os_str().as_encoded_bytes().starts_with(b"file:");
    if is_uri || file.as_os_str().is_empty() || !has_file_to_write(options) {
        return Ok(());
    }
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source })?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::File { file: file.display().to_string(), source })
        }
        _ => Ok(()),
    }
}

/// Returns `true` unless the database is in memory or is opened for reading.
fn has_file_to_write(options: &SqliteConnectOptions) -> bool {
    // The mode cannot be read in another way. Not every name of a file makes a URL.
    let url = options.clone().filename("name").to_url_lossy();
    !url.query_pairs().any(|(key, value)| key == "mode" && matches!(&*value, "memory" | "ro"))
}
