//! Looking at a database without changing anything in it, for an operator who asks what is wrong.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access};
use taskbridge_domain::Cause;
use thiserror::Error;
use tokio::time::timeout;

use super::connect::StoreConfig;
use super::postgres::{ConnectError, Facts, examine};
use super::url::Kind;

/// What was found.
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
    /// Whether it is there; a server would make it.
    pub exists: bool,
    /// Whether it is in WAL mode, as a server would make it.
    pub is_wal: bool,
    /// The file, or the folder that it is or would be in, that this process may not write to.
    pub unwritable: Option<PathBuf>,
}

/// A PostgreSQL server.
#[derive(Debug)]
pub struct PostgresFacts {
    /// Such as `17.2`.
    pub version: String,
    /// The same as a number: 170002.
    pub version_number: u32,
    /// How long it took to connect.
    pub connected_in: Duration,
    /// How long a statement takes that costs nothing, there and back.
    pub round_trip: Duration,
    /// Whether nothing can be written, as on a standby.
    pub is_read_only: bool,
    /// Whether two connections were answered by the same process: then a pooler in transaction mode stands before it. It
    /// may do so unseen when it is busy.
    pub shares_processes: bool,
    /// How many connections it takes.
    pub limits: ConnectionLimits,
}

/// How many connections a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All that there may be (`max_connections`), or fewer if the role or the database is kept to fewer.
    pub max: u32,
    /// Those of them that are kept for superusers and the like.
    pub reserved: u32,
    /// Those that others hold now.
    pub in_use: u32,
}

impl ConnectionLimits {
    /// How many we may have, were we alone.
    #[must_use]
    pub fn usable(&self) -> u32 {
        self.max.saturating_sub(self.reserved)
    }

    /// How many more there may be now.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.usable().saturating_sub(self.in_use)
    }
}

/// Why nothing was found.
#[derive(Debug, Error)]
pub enum InspectionError {
    /// It did not answer in time.
    #[error("it did not answer within {} seconds", .0.as_secs())]
    NoAnswer(Duration),
    /// Nobody is there, or somebody else, or the way to it is broken.
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

/// Looks at the database, for no longer than `limit`. Nothing is made and nothing is written.
///
/// # Errors
/// [`InspectionError`], without the URL.
pub async fn inspect(config: &StoreConfig, limit: Duration) -> Result<Inspection, InspectionError> {
    match &config.url.0 {
        Kind::Sqlite(options) => sqlite(options.get_filename()).map(Inspection::Sqlite),
        Kind::Postgres(url) => {
            let facts = timeout(limit, examine(url, config.connect_timeout, config.statement_timeout));
            let facts = facts.await.map_err(|_elapsed| InspectionError::NoAnswer(limit))??;
            Ok(Inspection::Postgres(facts.into()))
        }
    }
}

impl From<Facts> for PostgresFacts {
    fn from(facts: Facts) -> Self {
        Self {
            version: facts.version,
            version_number: facts.version_number,
            connected_in: facts.connected_in,
            round_trip: facts.round_trip,
            is_read_only: facts.is_read_only,
            shares_processes: facts.shares_processes,
            limits: ConnectionLimits {
                max: facts.max_connections,
                reserved: facts.reserved_connections,
                // One of them is the connection that asked.
                in_use: facts.connections_in_use.saturating_sub(1),
            },
        }
    }
}

/// By the first bytes of the file (The SQLite Database File Format, section 1.3), which nobody is kept waiting by.
fn sqlite(path: &Path) -> Result<SqliteFacts, InspectionError> {
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
    Ok(SqliteFacts { exists, is_wal, unwritable: unwritable.map(Path::to_owned) })
}
