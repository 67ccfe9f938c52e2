//! Examines a database for an operator. Changes nothing.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use taskbridge_domain::Cause;
use thiserror::Error;
use tokio::time::timeout;

use super::connect::StoreConfig;
use super::postgres::{ConnectError, examine};
use super::sqlite::{beside, version};
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
    /// Such as `3.51.3`.
    pub version: String,
    /// Whether the file exists; the server creates it.
    pub exists: bool,
    /// The folder of the file, if it does not exist; the server creates it.
    pub missing_folder: Option<PathBuf>,
    /// Whether the file is in WAL mode; the server switches to it.
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
    /// Whether it is a folder.
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
    /// Such as `17.2`.
    pub version: String,
    /// The same as a number: 170002.
    pub version_number: u32,
    /// Time taken to connect.
    pub connected_in: Duration,
    /// Time taken by an empty statement.
    pub round_trip: Duration,
    /// Whether the server is read-only, as a standby is.
    pub is_read_only: bool,
    /// Whether the server sees both ends of the connection as we do: no pooler is in between.
    pub is_proved_direct: bool,
    /// Whether one server process answered two connections: then a pooler in transaction mode is in between. A busy pooler
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

/// An error from examining a database.
#[derive(Debug, Error)]
pub enum InspectionError {
    /// It did not answer in time.
    #[error("it did not answer within {} seconds", .0.as_secs())]
    NoAnswer(Duration),
    /// The server cannot be reached, or is not PostgreSQL.
    #[error("it cannot be reached: {0}")]
    Unreachable(Cause),
    /// The two ends do not agree on TLS.
    #[error("no connection over TLS: {0}")]
    Tls(Cause),
    /// A pooler refuses a parameter of the URL.
    #[error("a pooler refuses a parameter: {0}")]
    StartupParameter(Cause),
    /// It does not let this user in.
    #[error("it does not let us in: {0}")]
    Credentials(Cause),
    /// It has no such database.
    #[error("{0}")]
    NoDatabase(Cause),
    /// It has no connection left.
    #[error("it takes no more connections: {0}")]
    Full(Cause),
    /// It refuses for another reason.
    #[error("{0}")]
    Refused(Cause),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is something else.
    #[error("the file is no SQLite database")]
    NotADatabase,
}

/// By the codes of PostgreSQL (appendix A of its manual).
impl From<ConnectError> for InspectionError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Tls(cause) => Self::Tls(cause),
            ConnectError::Database(error) => {
                let cause = error.message().to_owned().into();
                match error.code().code() {
                    _ if error.message().contains("unsupported startup parameter") => Self::StartupParameter(cause),
                    code if code.starts_with("28") => Self::Credentials(cause),
                    "3D000" => Self::NoDatabase(cause),
                    "53300" => Self::Full(cause),
                    _ => Self::Refused(cause),
                }
            }
            ConnectError::Io(error) => Self::Unreachable(error.into()),
            error @ (ConnectError::Timeout(_) | ConnectError::ReadOnly | ConnectError::Writable) => {
                Self::Unreachable(error.into())
            }
            ConnectError::Driver(cause) => Self::Refused(cause),
        }
    }
}

/// Examines the database within `limit`. Creates and writes nothing.
///
/// # Errors
/// [`InspectionError`], without the URL.
pub async fn inspect(config: &StoreConfig, limit: Duration) -> Result<Inspection, InspectionError> {
    match &config.url.0 {
        Kind::Sqlite(options) => {
            let version = version().await.map_err(|error| InspectionError::Refused(error.into()))?;
            sqlite(options.get_filename(), version).map(Inspection::Sqlite)
        }
        Kind::Postgres(url) => {
            let facts = timeout(limit, examine(url, config.connect_timeout, config.statement_timeout));
            let facts = facts.await.map_err(|_elapsed| InspectionError::NoAnswer(limit))??;
            Ok(Inspection::Postgres(facts))
        }
    }
}

/// Reads the header of the file (The SQLite Database File Format, section 1.3), which takes no lock.
fn sqlite(path: &Path, version: String) -> Result<SqliteFacts, InspectionError> {
    let exists = path.exists();
    let mut is_wal = false;
    if exists {
        let mut header = Vec::new();
        File::open(path)?.take(100).read_to_end(&mut header)?;
        // Empty is what it is before anything was written to it.
        let is_database = header.is_empty() || header.len() == 100 && header.starts_with(b"SQLite format 3\0");
        if !is_database {
            return Err(InspectionError::NotADatabase);
        }
        is_wal = header.get(18) == Some(&2);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let nearest = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let file = exists.then_some(path);
    let places = file.into_iter().chain([if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest }]);
    let unwritable = places.into_iter().find(|place| access(*place, Access::WRITE_OK).is_err());
    let files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
    Ok(SqliteFacts {
        version,
        exists,
        missing_folder: (!folder.exists()).then(|| folder.to_owned()),
        is_wal,
        unwritable: unwritable.map(Path::to_owned),
        exposed: files.iter().map(PathBuf::as_path).chain([folder]).filter_map(ExposedPath::find).collect(),
    })
}
