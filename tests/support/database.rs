//! Databases that Better Auth and Taskbridge share.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::better_auth::run;
use crate::postgres::fresh_database;

/// A database that is used by one test only.
#[derive(Debug)]
pub struct Database {
    /// The URL, for `DATABASE_URL` of both servers.
    pub url: String,
    /// The folder of the file, which is deleted on drop.
    _folder: Option<TempDir>,
}

impl Database {
    /// Creates an empty database of each kind: SQLite, and PostgreSQL.
    #[must_use]
    pub fn of_each_kind() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    /// Returns the URL of a file that does not exist yet.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite://{}", folder.path().join("shared.db").display()), _folder: Some(folder) }
    }

    /// Creates a database on the PostgreSQL server of the tests.
    #[must_use]
    pub fn postgres() -> Self {
        Self { url: fresh_database(), _folder: None }
    }

    /// Runs a statement, and returns its rows.
    #[expect(clippy::must_use_candidate, reason = "some statements are run for what they do")]
    pub fn query(&self, sql: &str) -> Value {
        run("sql.mjs", &[("DATABASE_URL", &self.url), ("SQL", sql)])
    }

    /// Runs a statement, and returns the number that is its result.
    #[must_use]
    pub fn number(&self, sql: &str) -> u64 {
        let rows = self.query(sql);
        let (_, number) = rows[0].as_object().unwrap().iter().next().unwrap();
        // PostgreSQL returns it as text.
        number.as_u64().unwrap_or_else(|| number.as_str().unwrap().parse().unwrap())
    }

    /// Runs a script of several statements, such as a dump.
    pub fn load(&self, script: &str) {
        let rows = run("sql.mjs", &[("DATABASE_URL", &self.url), ("SCRIPT", script)]);
        assert_eq!(rows, json!([]));
    }
}
