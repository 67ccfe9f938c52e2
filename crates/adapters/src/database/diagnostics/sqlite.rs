//! Facts about a SQLite file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::database::problem::DatabaseProblem;
use crate::database::sqlite::{sibling, version};
use crate::database::url::SqliteUrl;

/// Facts about a SQLite file and its folder.
#[derive(Debug)]
pub struct SqliteFacts {
    /// The version of SQLite, such as `3.51.3`.
    pub version: String,
    /// `true` if the file exists. Taskbridge creates a missing file when it starts.
    pub exists: bool,
    /// The folder of the file, if the folder does not exist. Taskbridge creates it when it starts.
    pub missing_folder: Option<PathBuf>,
    /// `true` if the file is in WAL mode. Taskbridge enables WAL mode when it starts.
    pub is_wal: bool,
    /// The path to which this process cannot write: the database file or, if that is writable or missing, its nearest
    /// existing parent folder. `None` if this process can write to both.
    pub unwritable: Option<PathBuf>,
    /// Those of the following paths to which other users have access: the database file, its `-wal` and `-shm` files,
    /// and their folder.
    pub exposed: Vec<ExposedPath>,
}

/// A file that other users can read or write, or a folder in which they can replace files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposedPath {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// `true` for a folder, `false` for a file.
    pub is_folder: bool,
    /// The permissions, such as `0o644`.
    pub mode: u32,
}

impl ExposedPath {
    /// Examines a path. Returns `None` if only the owner has access, or if nothing exists there.
    fn find(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        let (is_folder, mode) = (metadata.is_dir(), metadata.mode() & 0o7777);
        // In a sticky folder, such as /tmp, users can replace only their own files.
        let is_exposed = if is_folder { mode & 0o022 != 0 && mode & 0o1000 == 0 } else { mode & 0o066 != 0 };
        is_exposed.then(|| Self { path: path.to_owned(), is_folder, mode })
    }
}

/// Examines a file without opening it as a database.
pub(super) async fn inspect(url: &SqliteUrl) -> Result<SqliteFacts, DatabaseProblem> {
    let file = url.options.get_filename();
    if url.must_exist && !file.exists() {
        return Err(DatabaseProblem::new("the file does not exist", "create it, or remove mode=rw from DATABASE_URL"));
    }
    let version = version().await.map_err(|error| DatabaseProblem::from_sqlite(&error, file))?;
    facts(file, version)
}

/// Reads facts from the header of the file (The SQLite Database File Format, section 1.3). Reading the header requires
/// no lock.
fn facts(path: &Path, version: String) -> Result<SqliteFacts, DatabaseProblem> {
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
        // An empty file is accepted, because it is a new database.
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
