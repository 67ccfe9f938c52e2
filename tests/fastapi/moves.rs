//! Each app on each database, imported in both modes, in the same database and into the other one.

use std::collections::BTreeMap;

use reqwest::Client;
use serde_json::{Value, json};
use support::better_auth::BetterAuth;
use support::peer::{APP, Session};
use support::server::outcome;
use support::user::PASSWORD;
use support::{Database, Forge, Peer, Server};

use crate::apps::{ADOPTED, App, TASK, TASKS, TODOS, USERS, dump, rows};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bridge,
    Server,
}

const PLAN: &[&str] = &["migrate", "plan"];

/// The move of an app to Taskbridge.
struct Move {
    app: App,
    mode: Mode,
    /// The database of the app.
    old: Database,
    /// The database of Taskbridge, if it is another one.
    new: Option<Database>,
    ann: Session,
    bob: Session,
    /// The tasks of the app, newest first.
    tasks: Vec<Value>,
}

impl Move {
    /// Lets the app create its database. Better Auth and its users are in the database of the app, or in that of
    /// Taskbridge if it signs users in there.
    async fn prepare(app: App, mode: Mode, old: Database, new: Option<Database>) -> Self {
        let users = if mode == Mode::Server { new.as_ref().unwrap_or(&old) } else { &old };
        let better_auth = BetterAuth::on(users, &[]);
        let peer = Peer::better_auth(&better_auth);
        let (ann, bob) = (peer.sign_up("ann").await, peer.sign_up("bob").await);
        users.query(r#"update "user" set "emailVerified" = true"#);
        let mut this = Self { app, mode, old, new, ann, bob, tasks: Vec::new() };
        this.tasks = app.seed(&this.old, &[&app.owner(&this.ann), &app.owner(&this.bob), "", app.former_user()]);
        this
    }

    /// Returns the database of Taskbridge.
    fn target(&self) -> &Database {
        self.new.as_ref().unwrap_or(&self.old)
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        let mode: &[_] = match self.mode {
            Mode::Bridge => &[("AUTH_MODE", "bridge"), ("JWKS_URL", "off")],
            Mode::Server => &[("AUTH_MODE", "server"), ("TASKBRIDGE__PASSWORDS__WRITE", "scrypt")],
        };
        [&[("BETTER_AUTH_URL", APP), ("DATABASE_URL", &self.target().url)], mode].concat()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let folder = tempfile::tempdir().unwrap();
        outcome(folder.path(), arguments, &[&self.variables()[..], &[("RUST_LOG", "error")]].concat())
    }

    /// Runs the import with these options, and returns its report.
    fn import(&self, more: &[&str]) -> String {
        let mut arguments = vec!["tasks", "import", "--from", self.app.table];
        if self.new.is_some() {
            arguments.extend(["--from-url", &self.old.url]);
        }
        if let Some(users) = self.app.users {
            arguments.extend(["--users-from", users]);
        }
        let (code, report) = self.run(&[&arguments, more].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {report}");
        report
    }

    /// Returns whether a start replaces the table of the app, so that the operator has to decide.
    fn is_in_the_way(&self) -> bool {
        self.new.is_none() && self.app.table == "tasks"
    }

    /// The plan and the doctor name the import if the table is in this database.
    fn is_announced(&self) {
        let command = format!("taskbridge tasks import --from {}", self.app.table);
        let programs: &[&[&str]] = if self.new.is_some() { &[PLAN] } else { &[PLAN, &["doctor"]] };
        for arguments in programs {
            let (code, text) = self.run(arguments);
            assert_eq!(code == Some(1), self.is_in_the_way(), "{arguments:?}: {text}");
            assert_eq!(text.contains(&command), self.new.is_none(), "{arguments:?}: {text}");
        }
    }

    /// After the import, the plan does not name it any more.
    fn is_settled(&self) {
        let (code, text) = self.run(PLAN);
        assert_eq!(code, Some(0), "{text}");
        assert!(!text.contains("taskbridge tasks import"), "{text}");
    }

    /// Returns the tasks that a user has in the app, as Taskbridge shows them.
    fn expected(&self, session: &Session) -> Vec<Value> {
        let owner = self.app.owner(session);
        let own = self.tasks.iter().filter(|task| task["user_id"] == owner.as_str()).cloned();
        let ids = self.new_ids();
        own.map(|mut task| {
            task["user_id"] = session.user["id"].clone();
            let old = task["id"].as_str().unwrap();
            task["id"] = json!(if self.app.has_integer_ids { old.parse().unwrap() } else { ids[old] });
            task
        })
        .collect()
    }

    /// Returns the new id of each task whose id has changed.
    fn new_ids(&self) -> BTreeMap<String, i64> {
        let (code, text) = self.run(&["tasks", "ids"]);
        assert_eq!(code, Some(0), "{text}");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("table,old_id,new_id"), "{text}");
        let pairs = lines.map(|line| {
            let [table, old, new] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
            // With the database, if it is another one.
            assert!(table.ends_with(self.app.table), "{text}");
            (old.to_owned(), new.parse().unwrap())
        });
        pairs.collect()
    }

    /// Returns an access token of a user: in server mode, of the session that Ann opens with her password.
    async fn token(&self, server: &Server, session: &Session) -> String {
        if self.mode == Mode::Server && session.token == self.ann.token {
            let ours = Peer::taskbridge(server);
            return ours.jwt(&ours.sign_in(&session.user, PASSWORD).await.cookie).await;
        }
        Forge::of(server).token(session.user["id"].as_str().unwrap())
    }

    /// Each user sees exactly their own tasks.
    async fn is_complete(&self, server: &Server) {
        for session in [&self.ann, &self.bob] {
            let id = session.user["id"].as_str().unwrap();
            let token = self.token(server, session).await;
            let url = server.url(&format!("/api/{id}/tasks"));
            let response = Client::new().get(url).bearer_auth(token).send().await.unwrap();
            let listed: Vec<Value> = response.json().await.unwrap();
            let expected = self.expected(session);
            assert!(!expected.is_empty());
            assert_eq!(listed.len(), expected.len());
            for (task, expected) in self.in_order(listed).into_iter().zip(self.in_order(expected)) {
                assert_eq!(task, expected);
            }
        }
    }

    /// Sorts tasks of the same time by id if their ids are new, because the app shows them in any order.
    fn in_order(&self, mut tasks: Vec<Value>) -> Vec<Value> {
        if !self.app.has_integer_ids {
            for group in tasks.chunk_by_mut(|one, other| one["created_at"] == other["created_at"]) {
                group.sort_by_key(|task| task["id"].as_i64());
            }
        }
        tasks
    }

    /// Returns the number of tasks that are imported, and of those that are done. In bridge mode, every owner counts if
    /// Better Auth has another database.
    fn counts(&self) -> (usize, usize) {
        let others_count = self.new.is_some() && self.mode == Mode::Bridge && self.app.users.is_none();
        let is_imported = |task: &&Value| match task["user_id"].as_str().unwrap() {
            "" => false,
            owner => others_count || owner != self.app.former_user(),
        };
        let imported: Vec<_> = self.tasks.iter().filter(is_imported).collect();
        (imported.len(), imported.iter().filter(|task| task["completed"] == true).count())
    }

    /// Runs the whole move.
    async fn happens(mut self) {
        self.is_announced();
        let before = [dump(&self.old), dump(self.target())];
        let old = rows(&self.old, self.app.table);
        let (count, done) = self.counts();
        let line = format!("imported: {count} rows ({done} done)\n");
        let report = self.import(&["--dry-run"]);
        assert!(report.contains(&format!("\nwould be {line}")), "{report}");
        assert_eq!([dump(&self.old), dump(self.target())], before);

        let report = self.import(&[]);
        assert!(report.contains(&format!("\n{line}")), "{report}");
        assert_eq!(rows(self.target(), "tasks").len(), count);
        if self.is_in_the_way() {
            self.app.table = "tasks_old";
        }
        assert_eq!(rows(&self.old, self.app.table), old);
        self.is_settled();
        let server = Server::start_with(&self.variables());
        self.is_complete(&server).await;

        let before = dump(self.target());
        let report = self.import(&[]);
        assert!(report.contains(&format!("\nimported: 0 rows (0 done)\nimported before: {count} rows\n")), "{report}");
        assert_eq!(dump(self.target()), before);

        // An app with its own database is still running, and adds a task.
        if self.new.is_some() {
            self.tasks.insert(0, self.app.add(&self.old, &self.app.owner(&self.ann)));
            let report = self.import(&[]);
            assert!(report.contains("\nimported: 1 row (0 done)\n"), "{report}");
            self.is_complete(&server).await;
        }
        assert_eq!(rows(self.target(), "tasks").len(), self.counts().0);
    }
}

/// A table with the columns of Taskbridge is adopted. Rows without a known owner are kept.
#[tokio::test]
async fn tasks_with_the_names_of_taskbridge_need_no_import() {
    for database in Database::of_each_kind() {
        let this = Move::prepare(ADOPTED, Mode::Server, database, None).await;
        this.is_settled();
        let server = Server::start_with(&this.variables());
        this.is_complete(&server).await;
        assert_eq!(rows(&this.old, "tasks").len(), this.tasks.len());
    }
}

async fn in_one_database(app: App, mode: Mode) {
    for database in Database::of_each_kind() {
        Move::prepare(app, mode, database, None).await.happens().await;
    }
}

async fn into_the_other_database(app: App, mode: Mode) {
    let (sqlite, postgres) = (Database::sqlite, Database::postgres);
    Move::prepare(app, mode, sqlite(), Some(postgres())).await.happens().await;
    Move::prepare(app, mode, postgres(), Some(sqlite())).await.happens().await;
}

/// Writes a test for each app and mode.
macro_rules! tests {
    ($($name:ident: $how:ident($app:ident, $mode:ident);)*) => {
        $(#[tokio::test]
        async fn $name() {
            $how($app, Mode::$mode).await;
        })*
    };
}

tests! {
    tasks_in_bridge_mode: in_one_database(TASKS, Bridge);
    tasks_in_server_mode: in_one_database(TASKS, Server);
    tasks_from_another_database_in_bridge_mode: into_the_other_database(TASKS, Bridge);
    tasks_from_another_database_in_server_mode: into_the_other_database(TASKS, Server);
    task_in_bridge_mode: in_one_database(TASK, Bridge);
    task_in_server_mode: in_one_database(TASK, Server);
    task_from_another_database_in_bridge_mode: into_the_other_database(TASK, Bridge);
    task_from_another_database_in_server_mode: into_the_other_database(TASK, Server);
    todos_in_bridge_mode: in_one_database(TODOS, Bridge);
    todos_in_server_mode: in_one_database(TODOS, Server);
    todos_from_another_database_in_bridge_mode: into_the_other_database(TODOS, Bridge);
    todos_from_another_database_in_server_mode: into_the_other_database(TODOS, Server);
    users_in_bridge_mode: in_one_database(USERS, Bridge);
    users_in_server_mode: in_one_database(USERS, Server);
    users_from_another_database_in_bridge_mode: into_the_other_database(USERS, Bridge);
    users_from_another_database_in_server_mode: into_the_other_database(USERS, Server);
}
