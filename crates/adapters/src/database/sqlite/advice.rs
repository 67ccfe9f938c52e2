//! Describes errors from SQLite, with advice.

use std::io;
use std::path::Path;

use crate::database::problem::DatabaseProblem;

impl DatabaseProblem {
    /// Describes why a SQLite file cannot be used.
    pub(in crate::database) fn from_sqlite(error: &sqlx::Error, file: &Path) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // The low byte of an extended result code is the primary result code.
        match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
            Some(14) => Self::new(
                format!("the file {} cannot be opened", file.display()),
                "check that it exists, and that this user may read and write the file and its folder",
            ),
            Some(8) => Self::new(
                format!("the file {} is read-only", file.display()),
                "let this user write to the file and its folder",
            ),
            Some(26) => Self::not_a_database(file),
            Some(5 | 6) => Self::new(
                format!("another program has locked the file {}", file.display()),
                "stop that program, or let it end its transaction",
            ),
            _ => Self::new(
                format!("the file {} cannot be used: {error}", file.display()),
                "check it with: sqlite3 <file> 'pragma integrity_check'",
            ),
        }
    }

    /// Describes a file that is not a SQLite database.
    pub(in crate::database) fn not_a_database(file: &Path) -> Self {
        Self::new(
            format!("the file {} is not a SQLite database", file.display()),
            "name another file in DATABASE_URL: Taskbridge does not change this one",
        )
    }

    /// Describes why a file or folder cannot be created.
    pub(super) fn from_creation(error: &io::Error, path: &Path) -> Self {
        Self::new(
            format!("cannot create {}: {error}", path.display()),
            "let this user write to the folder above it, or name another file in DATABASE_URL",
        )
    }
}
