//! URLs of SQLite files.

use std::path::PathBuf;

use sqlx::sqlite::SqliteConnectOptions;

use super::InvalidDatabaseUrl;
use super::parameters::{Parameters, decode};

/// Parameters of other libraries that have no meaning for Taskbridge.
const IGNORED: &str = "check_same_thread connection_limit pool_timeout socket_timeout timeout";

/// A SQLite URL: the file and the options for opening it.
#[derive(Debug, Clone)]
pub(in crate::database) struct SqliteUrl {
    pub(in crate::database) options: SqliteConnectOptions,
    /// `true` if a missing file is an error (`mode=rw`).
    pub(in crate::database) must_exist: bool,
    /// `true` for a database in memory, which is lost when the last connection is closed.
    pub(in crate::database) is_in_memory: bool,
}

impl SqliteUrl {
    /// Parses the part of a URL after `sqlite:`.
    pub(super) fn parse(rest: &str) -> Result<Self, InvalidDatabaseUrl> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decode(path.strip_prefix("//").unwrap_or(path))?;
        let mut parameters = Parameters::parse(query)?;
        let modes = [("rwc", false), ("rw", true)];
        let mode = parameters.take_one_of("mode", &modes, "write rwc, or rw for a file that must exist")?;
        parameters.take_one_of("cache", &[("private", ())], "a shared cache is not supported; remove it")?;
        let is_writable = [("0", ()), ("false", ())];
        parameters.take_one_of("immutable", &is_writable, "Taskbridge writes to the file; remove it")?;
        let vfs = parameters.take("vfs");
        parameters.finish(IGNORED, &[], "remove it")?;

        let must_exist = mode == Some(true);
        if path == ":memory:" {
            let options = "sqlite::memory:".parse().map_err(|_never| InvalidDatabaseUrl::Form)?;
            return Ok(Self { options, must_exist, is_in_memory: true });
        }
        let mut options = SqliteConnectOptions::new().filename(file(&path)?);
        if let Some(vfs) = vfs {
            options = options.vfs(vfs);
        }
        Ok(Self { options, must_exist, is_in_memory: false })
    }
}

/// Returns the file that the path in a URL names.
///
/// In URLs for `SQLAlchemy`, a relative path follows three slashes, as in `sqlite:///./app.db`. Taken literally, this
/// would name a file in the root folder, which is never intended.
fn file(path: &str) -> Result<PathBuf, InvalidDatabaseUrl> {
    let invalid = |problem, advice| Err(InvalidDatabaseUrl::Path { problem, advice });
    if path.is_empty() {
        return Err(InvalidDatabaseUrl::Form);
    }
    if ["", ".", ".."].contains(&path.rsplit('/').next().unwrap_or_default()) {
        return invalid("is a folder", "add the name of a file");
    }
    if path.trim_start_matches('/').starts_with('~') {
        return invalid("begins with ~, which is not expanded", "write the path of the home folder");
    }
    if path.starts_with("/./") || path.starts_with("/../") {
        return Ok(path[1..].into());
    }
    match path.strip_prefix('/') {
        Some(name) if !name.contains('/') => invalid(
            "is in the root folder of the file system",
            "write sqlite://<file> for the current folder, or sqlite:////<file> for the root folder",
        ),
        // As in SQLAlchemy, an absolute path may follow four slashes instead of three. The additional slash is removed.
        Some(rest) => Ok(format!("/{}", rest.trim_start_matches('/')).into()),
        None => Ok(path.into()),
    }
}
