//! The files of a SQLite database, which only their owner can read and write.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::database::problem::DatabaseProblem;

/// Returns the path of a file that SQLite keeps next to the database file, with a suffix such as `-wal`. If the
/// database file is a symbolic link, SQLite keeps the other file next to the target of the link.
pub(in crate::database) fn sibling(file: &Path, suffix: &str) -> PathBuf {
    let target = if file.is_symlink() { file.canonicalize().ok() } else { None };
    let mut name = target.unwrap_or_else(|| file.to_owned()).into_os_string();
    name.push(suffix);
    name.into()
}

/// Creates the file and its folder if they are missing. Does not change the mode of a file or folder that exists.
///
/// SQLite itself would create a file that other users can read. The files `-wal` and `-shm` get the mode of the
/// database file.
pub(super) fn create_missing(file: &Path) -> Result<(), DatabaseProblem> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        created.map_err(|error| DatabaseProblem::from_creation(&error, folder))?;
    }
    if file.exists() {
        return Ok(());
    }
    // Follows a symbolic link whose target is missing, as SQLite does.
    let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file);
    created.map(drop).map_err(|error| DatabaseProblem::from_creation(&error, file))
}
