//! Examines a database for an operator. Changes nothing.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use tokio::time::timeout;

use super::connect::StoreConfig;
use super::postgres::{ConnectError, examine};
use super::problem::DatabaseProblem;
use super::sqlite::{sibling, version};
use super::url::Kind;

/// The result of examining a database.
#[derive(Debug)]
pub enum Inspection {
    /// A file.
    Sqlite(SqliteFacts),
    /// A server.
    Postgres(PostgresFacts),
}

/// A file of SQLite, and where it is.
#[derive(Debug)]
pub struct SqliteFacts {
    /// The version of SQLite, such as `3.51.3`.
    pub version: String,
    /// `true` if the file exists. The server creates a missing one.
    pub exists: bool,
    /// The folder of the file, if it does not exist; the server creates it.
    pub missing_folder: Option<PathBuf>,
    /// `true` if the file is in WAL mode. The server switches another one to it.
    pub is_wal: bool,
    /// The file, or the folder that it is or would be in, that this process may not write to.
    pub unwritable: Option<PathBuf>,
    /// The file, those that SQLite keeps next to it, and their folder, as far as other users have access to them.
    pub exposed: Vec<ExposedPath>,
}

/// A file that the group or others can read or write, or a folder in which they can replace files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedPath {
    /// The file or folder.
    pub path: PathBuf,
    /// `true` for a folder, `false` for a file.
    pub is_folder: bool,
    /// The permissions, such as `0o644`.
    pub mode: u32,
}

impl ExposedPath {
    /// Returns `None` if only the owner has access, and if nothing exists at the path.
    fn find(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let (is_folder, mode) = (metadata.is_dir(), metadata.mode() & 0o7777);
        // In a sticky folder, such as /tmp, users can replace only their own files.
        let is_exposed = if is_folder { mode & 0o022 != 0 && mode & 0o1000 == 0 } else { mode & 0o066 != 0 };
        is_exposed.then(|| Self { path: path.to_owned(), is_folder, mode })
    }
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct PostgresFacts {
    /// The engine and its version, such as `PostgreSQL 17.2`.
    pub version: String,
    /// The same as a number: 170002.
    pub version_number: u32,
    /// The schema in which tables are created; `None` if no schema of the search path exists.
    pub schema: Option<String>,
    /// Time taken to connect.
    pub connected_in: Duration,
    /// Time that an empty statement takes.
    pub round_trip: Duration,
    /// `true` if the server is read-only, as a standby is.
    pub is_read_only: bool,
    /// `true` if the server sees both ends of the connection as Taskbridge does: no pooler is in between.
    pub is_proved_direct: bool,
    /// `true` if one server process answered two connections: then a pooler in transaction mode is in between. A busy pooler
    /// may go unnoticed.
    pub shares_processes: bool,
    /// Connection limits.
    pub limits: ConnectionLimits,
}

/// Connection limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All that there may be (`max_connections`), or fewer if the role or the database is kept to fewer.
    pub max: u32,
    /// Connections reserved for superusers and similar roles.
    pub reserved: u32,
    /// Connections that other clients hold.
    pub in_use: u32,
}

impl ConnectionLimits {
    /// Returns the number of connections available to a single client.
    #[must_use]
    pub fn usable(&self) -> u32 {
        self.max.saturating_sub(self.reserved)
    }

    /// Returns the number of connections available now.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.usable().saturating_sub(self.in_use)
    }
}

/// Examines the database within `limit`. Creates and writes nothing.
///
/// # Errors
/// [`DatabaseProblem`], without the URL.
pub async fn inspect(config: &StoreConfig, limit: Duration) -> Result<Inspection, DatabaseProblem> {
    match &config.url.0 {
        Kind::Sqlite(url) => {
            let file = url.options.get_filename();
            if url.must_exist && !file.exists() {
                return Err(DatabaseProblem::new(
                    "the file does not exist",
                    "create it, or remove mode=rw from DATABASE_URL",
                ));
            }
            let version = version().await.map_err(|error| DatabaseProblem::from_sqlite(&error, file))?;
            sqlite(file, version).map(Inspection::Sqlite)
        }
        Kind::Postgres(url) => {
            let facts = timeout(limit, examine(url, config.connect_timeout, config.statement_timeout)).await;
            let facts = facts.unwrap_or(Err(ConnectError::Timeout(limit)));
            facts.map(Inspection::Postgres).map_err(|error| DatabaseProblem::from_postgres(&error, url))
        }
    }
}

/// Reads the header of the file (The SQLite Database File Format, section 1.3), which takes no lock.
fn sqlite(path: &Path, version: String) -> Result<SqliteFacts, DatabaseProblem> {
    let exists = path.exists();
    let mut is_wal = false;
    if exists {
        let mut header = Vec::new();
        let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
        read.map_err(|error| {
            DatabaseProblem::new(
                format!("the file cannot be read: {error}"),
                "let the user of the server read and write it",
            )
        })?;
        // Empty is what it is before anything was written to it.
        let is_database = header.is_empty() || header.len() == 100 && header.starts_with(b"SQLite format 3\0");
        if !is_database {
            return Err(DatabaseProblem::not_a_database(path));
        }
        is_wal = header.get(18) == Some(&2);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let nearest = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let file = exists.then_some(path);
    let places = file.into_iter().chain([if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest }]);
    let unwritable = places.into_iter().find(|place| access(*place, Access::WRITE_OK).is_err());
    let files = ["", "-wal", "-shm"].map(|suffix| sibling(path, suffix));
    Ok(SqliteFacts {
        version,
        exists,
        missing_folder: (!folder.exists()).then(|| folder.to_owned()),
        is_wal,
        unwritable: unwritable.map(Path::to_owned),
        exposed: files.iter().map(PathBuf::as_path).chain([folder]).filter_map(ExposedPath::find).collect(),
    })
}
