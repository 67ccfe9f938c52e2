//! The apps in the folder apps, which run.py runs.

use std::process::Command;

use serde_json::Value;
use support::peer::Session;
use support::{Database, postgres};

/// An app, and what it calls its table of tasks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    /// The module of the app.
    pub(crate) name: &'static str,
    /// The table of tasks.
    pub(crate) table: &'static str,
    /// Its own table of users. If there is none, users have the ids of Better Auth.
    pub(crate) users: Option<&'static str>,
    /// Whether the ids of its tasks are integers, which stay the same.
    pub(crate) has_integer_ids: bool,
}

pub(crate) const TASKS: App = App { name: "tasks", table: "tasks", users: None, has_integer_ids: true };
pub(crate) const TASK: App = App { name: "task", table: "task", users: None, has_integer_ids: true };
pub(crate) const ADOPTED: App = App { name: "adopted", table: "tasks", users: None, has_integer_ids: true };
pub(crate) const TODOS: App = App { name: "todos", table: "todos", users: None, has_integer_ids: false };
pub(crate) const USERS: App = App { name: "users", table: "task", users: Some("users"), has_integer_ids: true };

impl App {
    /// Creates the tables of the app, and rows of these owners. Returns the tasks, newest first.
    pub(crate) fn seed(&self, database: &Database, owners: &[&str]) -> Vec<Value> {
        run(database, &[&["seed", self.name], owners].concat())
    }

    /// Returns a user as the app knows them. Capital letters in an email address do not matter.
    pub(crate) fn owner(&self, session: &Session) -> String {
        let text = |name: &str| session.user[name].as_str().unwrap();
        if self.users.is_some() { text("email").replacen('a', "A", 1) } else { text("id").into() }
    }

    /// Returns an owner whom Better Auth does not know.
    pub(crate) fn former_user(&self) -> &'static str {
        if self.users.is_some() { "carl@example.test" } else { "q1Zb8LrT5yXcV0nM3kJhG7fDsA2pWeUi" }
    }

    /// Adds a task as the running app does, and returns it.
    pub(crate) fn add(&self, database: &Database, owner: &str) -> Value {
        run(database, &["add", self.name, owner]).remove(0)
    }
}

/// Returns all rows of a table.
pub(crate) fn rows(database: &Database, table: &str) -> Vec<Value> {
    if let Some(file) = database.url.strip_prefix("sqlite://") {
        return read(file, &[table]);
    }
    let rows = postgres::psql(&database.url, &format!("select to_json(row) from \"{table}\" row order by id"));
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// Returns the statements that create the database again.
pub(crate) fn dump(database: &Database) -> Vec<Value> {
    match database.url.strip_prefix("sqlite://") {
        Some(file) => read(file, &[]),
        None => postgres::dump(&database.url).lines().map(Value::from).collect(),
    }
}

/// Reads a SQLite file with sqlite.py.
fn read(file: &str, table: &[&str]) -> Vec<Value> {
    array(python("sqlite.py").arg(file).args(table))
}

/// Runs run.py on a database.
fn run(database: &Database, arguments: &[&str]) -> Vec<Value> {
    array(python("run.py").args(arguments).env("DATABASE_URL", &database.url))
}

#[expect(clippy::disallowed_methods, reason = "where scripts/fastapi.sh has installed the packages")]
fn python(program: &str) -> Command {
    let python = std::env::var("TASKBRIDGE_TEST_PYTHON").expect("run make fastapi, which installs the packages");
    let mut command = Command::new(python);
    // Without writing .pyc files into the source tree.
    command.args(["-B", program]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fastapi"));
    command
}

/// Returns the elements of the array that a program prints.
fn array(program: &mut Command) -> Vec<Value> {
    let output = program.output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
