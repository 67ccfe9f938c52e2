//! Databases that a Better Auth and a Taskbridge can share.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::better_auth::run;
use crate::postgres::fresh_database;

/// A database of its own.
#[derive(Debug)]
pub struct Database {
    /// What both take as `DATABASE_URL`.
    pub url: String,
    /// Goes with the database.
    _folder: Option<TempDir>,
}

impl Database {
    /// An empty one of each kind: a SQLite file, and one on the PostgreSQL of the tests.
    #[must_use]
    pub fn of_each_kind() -> [Self; 2] {
        [Self::sqlite(), Self::postgres()]
    }

    /// A file that is not there yet.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { url: format!("sqlite://{}", folder.path().join("shared.db").display()), _folder: Some(folder) }
    }

    /// On the PostgreSQL of the tests.
    #[must_use]
    pub fn postgres() -> Self {
        Self { url: fresh_database(), _folder: None }
    }

    /// The rows that a statement gives.
    #[expect(clippy::must_use_candidate, reason = "some statements are run for what they do")]
    pub fn query(&self, sql: &str) -> Value {
        run("sql.mjs", &[("DATABASE_URL", &self.url), ("SQL", sql)])
    }

    /// The number that a statement gives.
    #[must_use]
    pub fn number(&self, sql: &str) -> u64 {
        let rows = self.query(sql);
        let (_, number) = rows[0].as_object().unwrap().iter().next().unwrap();
        // From PostgreSQL it comes as a text.
        number.as_u64().unwrap_or_else(|| number.as_str().unwrap().parse().unwrap())
    }

    /// Runs many statements, as a dump has.
    pub fn load(&self, script: &str) {
        let rows = run("sql.mjs", &[("DATABASE_URL", &self.url), ("SCRIPT", script)]);
        assert_eq!(rows, json!([]));
    }
}
