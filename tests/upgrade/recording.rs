//! The recorded databases, and the comparison of their rows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use support::better_auth::run;
use support::{Database, Server};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/databases");

/// A database of an earlier release, and the answers of that release.
pub(crate) struct Recording {
    /// The release and the file, for messages.
    pub(crate) name: String,
    pub(crate) database: Database,
    /// The secret of all databases of the release.
    pub(crate) secret: String,
    /// The entry of the database in `facts.json`.
    pub(crate) facts: Value,
}

/// The rows of each table, in the order of the first column. A row is an object with all columns.
pub(crate) type Rows = BTreeMap<String, Vec<Value>>;

impl Recording {
    /// Loads all databases that were recorded in this mode, one after the other: two of each release.
    pub(crate) fn of_mode(mode: &str) -> impl Iterator<Item = Self> {
        let mut releases: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path()).collect();
        releases.sort();
        assert!(!releases.is_empty());
        releases
            .into_iter()
            .flat_map(move |release| ["sqlite", "postgres"].map(|kind| Self::load(&release, &format!("{mode}.{kind}"))))
    }

    fn load(release: &Path, file: &str) -> Self {
        let facts: Value = serde_json::from_str(&fs::read_to_string(release.join("facts.json")).unwrap()).unwrap();
        let database = if file.ends_with("sqlite") { Database::sqlite() } else { Database::postgres() };
        database.load(&fs::read_to_string(release.join(format!("{file}.sql"))).unwrap());
        Self {
            name: format!("{} {file}", release.file_name().unwrap().display()),
            database,
            secret: facts["secret"].as_str().unwrap().into(),
            facts: facts["databases"][file].clone(),
        }
    }

    /// Moves the end of all sessions into the future, and the end of keys that no longer sign to this moment, because
    /// both lie within days of the recording.
    pub(crate) fn move_expiry(&self) {
        let (now, tomorrow) = if self.database.url.starts_with("sqlite:") {
            const FORM: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now'";
            (format!("{FORM})"), format!("{FORM}, '+1 day')"))
        } else {
            const NOW: &str = "date_trunc('milliseconds', now())";
            (NOW.into(), format!("{NOW} + interval '1 day'"))
        };
        self.database.query(&format!(r#"update "session" set "expiresAt" = {tomorrow}"#));
        self.database.query(&format!(r#"update "jwks" set "expiresAt" = {now} where "expiresAt" is not null"#));
    }

    /// Returns all rows of all tables.
    pub(crate) fn rows(&self) -> Rows {
        let tables = run("rows.mjs", &[("DATABASE_URL", &self.database.url)]);
        let rows = |(name, rows): (&String, &Value)| (name.clone(), rows.as_array().unwrap().clone());
        tables.as_object().unwrap().iter().map(rows).collect()
    }

    /// Asserts that all migrations are applied, and that the migrations that the earlier release applied still have
    /// their names.
    pub(crate) fn assert_migrated(&self, before: &Rows, server: &Server) {
        let (succeeded, status) = server.run(&["migrate", "status"], &[]);
        assert!(succeeded && !status.contains("pending"), "{}: {status}", self.name);
        let applied = &before["seaql_migrations"];
        assert!(!applied.is_empty());
        for migration in applied {
            let line = format!("applied {}", migration["version"].as_str().unwrap());
            assert!(status.lines().any(|found| found == line), "{}: {line}: {status}", self.name);
        }
    }

    /// Asserts that every row of before is still there with the same values. There may be new tables and columns, and
    /// new rows in the table of applied migrations.
    pub(crate) fn assert_unchanged(&self, before: &Rows) {
        let mut after = self.rows();
        let applied: Vec<_> = before["seaql_migrations"].iter().map(|row| row["version"].clone()).collect();
        after.get_mut("seaql_migrations").unwrap().retain(|row| applied.contains(&row["version"]));
        for (table, before) in before {
            let after = &after[table];
            assert_eq!(after.len(), before.len(), "{}: number of rows in {table}", self.name);
            for (before, after) in before.iter().zip(after) {
                for (column, value) in before.as_object().unwrap() {
                    assert_eq!(after.get(column), Some(value), "{}: {table}.{column} of {before}", self.name);
                }
            }
        }
    }

    /// Returns the users that were recorded, the tasks of each with them.
    pub(crate) fn users(&self) -> &[Value] {
        let users = self.facts["users"].as_array().unwrap();
        assert!(users.len() >= 3);
        users
    }
}
