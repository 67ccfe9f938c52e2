//! Every command and file of docs/from-fastapi.md, verbatim.

use std::fs;
use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};
use support::better_auth::BetterAuth;
use support::peer::{APP, Session};
use support::server::{SECRET, shell};
use support::{Database, Forge, Peer, Server, page};
use tempfile::TempDir;

use crate::apps::{App, TASK, TASKS, TODOS, USERS, dump, rows};

const PAGE: &str = include_str!("../../docs/from-fastapi.md");

/// Returns the command on the page that begins with `start`.
fn command(start: &str) -> &'static str {
    let all = page::commands(PAGE, "sh");
    all.into_iter().find(|command| command.starts_with(start)).unwrap()
}

/// Returns the output that the page shows after a command.
fn output(command: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```sh\n{command}```\n```text\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// An app with its users, and the environment of Taskbridge that the page shows.
struct Setup {
    app: App,
    backend: Database,
    ann: Session,
    bob: Session,
    tasks: Vec<Value>,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Setup {
    /// Lets the app create its tables next to those of Better Auth. Taskbridge uses the database `own`, or the same one.
    async fn of(app: App, backend: Database, own: Option<&Database>) -> Self {
        let better_auth = BetterAuth::on(&backend, &[]);
        let peer = Peer::better_auth(&better_auth);
        let (ann, bob) = (peer.sign_up("ann").await, peer.sign_up("bob").await);
        let tasks = app.seed(&backend, &[&app.owner(&ann), &app.owner(&bob), "", app.former_user()]);
        let url = own.unwrap_or(&backend).url.clone();
        let value = |name: &str, text: &str| match name {
            "BETTER_AUTH_URL" => APP.into(),
            "BETTER_AUTH_SECRET" => SECRET.into(),
            "DATABASE_URL" => url.clone(),
            _ => text.to_owned(),
        };
        let files = page::files(PAGE);
        let lines = files[".env"].lines().filter(|line| !line.starts_with('#'));
        let variables: Vec<(String, String)> = lines
            .map(|line| line.split_once('=').unwrap())
            .map(|(name, text)| (name.into(), value(name, text)))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}='{value}'")).collect();
        fs::write(folder.path().join(".env"), lines.join("\n")).unwrap();
        Self { app, backend, ann, bob, tasks, folder, variables }
    }

    /// Runs a command of the page, without the log. Returns whether it succeeded, and what it printed.
    fn try_run(&self, command: &str, variables: &[(&str, &str)]) -> (bool, String) {
        shell(self.folder.path(), command, &[&[("RUST_LOG", "error")], variables].concat())
    }

    fn run(&self, command: &str, variables: &[(&str, &str)]) -> String {
        let (succeeded, printed) = self.try_run(command, variables);
        assert!(succeeded, "{command}: {printed}");
        printed
    }

    fn serve(&self) -> Server {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Server::start_with(&variables)
    }

    /// Returns the tasks of a user in the app.
    fn tasks_of(&self, session: &Session) -> Vec<&Value> {
        let owner = self.app.owner(session);
        self.tasks.iter().filter(|task| task["user_id"] == owner.as_str()).collect()
    }
}

/// Returns the titles and states of tasks.
fn states<'a>(tasks: impl IntoIterator<Item = &'a Value>) -> Vec<(Value, Value)> {
    tasks.into_iter().map(|task| (task["title"].clone(), task["completed"].clone())).collect()
}

#[test]
fn the_page_shows_nothing_that_is_not_run_here() {
    assert_eq!(page::files(PAGE).into_keys().collect::<Vec<_>>(), [".env"]);
    let programs = page::commands(PAGE, "sh").into_iter().map(|command| command.split(' ').next().unwrap());
    let expected = [&["taskbridge", "pg_dump", "cp"][..], &["taskbridge"; 7], &["curl"]].concat();
    assert_eq!(programs.collect::<Vec<_>>(), expected);
    assert_eq!((page::commands(PAGE, "sql").len(), page::commands(PAGE, "text").len()), (2, 1));
    assert_eq!(PAGE.matches("```").count(), 30);
}

/// The steps of the page, for a table `tasks` with `is_completed`.
#[tokio::test]
async fn a_backend_is_replaced_and_restored() {
    for database in Database::of_each_kind() {
        let setup = Setup::of(TASKS, database, None).await;
        let before = (dump(&setup.backend), rows(&setup.backend, "tasks"));
        let import = command("taskbridge tasks import --from tasks\n");
        for line in command("taskbridge doctor").lines() {
            let (succeeded, report) = setup.try_run(line, &[]);
            assert!(!succeeded && report.contains(import.trim()), "{line}: {report}");
        }
        back_up(&setup.backend, setup.folder.path());
        let dry = command("taskbridge tasks import --from tasks --dry-run");
        assert_eq!(setup.run(dry, &[]), output(dry));
        assert_eq!((dump(&setup.backend), rows(&setup.backend, "tasks")), before);
        let imported = setup.run(import, &[]);
        let (_, promised) = output(dry).split_once("\nwould be ").unwrap();
        assert!(imported.contains(&format!("\n{}\n", promised.lines().next().unwrap())), "{imported}");
        assert_eq!(rows(&setup.backend, "tasks_old"), before.1);

        let server = setup.serve();
        let id = setup.ann.user["id"].as_str().unwrap();
        let token = Forge::of(&server).token(id);
        let variables = [("TASKBRIDGE_URL", server.base.as_str()), ("USER_ID", id), ("TOKEN", &token)];
        let listed: Vec<Value> = serde_json::from_str(&setup.run(command("curl"), &variables)).unwrap();
        assert_eq!(states(&listed), states(setup.tasks_of(&setup.ann)));
        assert!(listed.iter().all(|task| task["is_completed"] == task["completed"]), "{listed:?}");

        // The rows without an owner, and those of the unknown user.
        let owner = command("taskbridge tasks import --from tasks_old --owner");
        setup.run(owner, &variables);
        let listed: Vec<Value> = serde_json::from_str(&setup.run(command("curl"), &variables)).unwrap();
        let others = setup.tasks.len() - setup.tasks_of(&setup.bob).len();
        assert_eq!(listed.len(), others);
        drop(server);

        execute(&setup.backend, "alter table");
        assert_eq!(rows(&setup.backend, "tasks"), before.1);
        TASKS.add(&setup.backend, &TASKS.owner(&setup.ann));
        // Forward again.
        setup.run(import, &[]);
        let server = setup.serve();
        let variables = [("TASKBRIDGE_URL", server.base.as_str()), ("USER_ID", id), ("TOKEN", &token)];
        let listed: Vec<Value> = serde_json::from_str(&setup.run(command("curl"), &variables)).unwrap();
        assert_eq!(listed.len(), setup.tasks_of(&setup.ann).len() + 1);
    }
}

/// Runs the statements on the page that begin with `start`.
fn execute(database: &Database, start: &str) {
    let script = page::commands(PAGE, "sql").into_iter().find(|script| script.starts_with(start)).unwrap();
    for statement in script.split_terminator(";\n") {
        database.query(statement);
    }
}

/// An import that was undone can be repeated. Other tasks stay.
#[tokio::test]
async fn an_import_is_undone() {
    for database in Database::of_each_kind() {
        let setup = Setup::of(TASK, database, None).await;
        let import = "taskbridge tasks import --from task";
        let count = || setup.backend.number("select count(*) from tasks");
        setup.run("taskbridge migrate up", &[]);
        let id = setup.ann.user["id"].as_str().unwrap();
        setup.backend.query(&format!(
            "insert into tasks (user_id, title, completed, created_at, updated_at)
             values ('{id}', 'new', false, '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z')"
        ));
        for _ in 0..2 {
            setup.run(import, &[]);
            assert_eq!(count(), 21);
            execute(&setup.backend, "delete from");
            assert_eq!(count(), 1);
        }
    }
}

/// The backup contains the tasks.
fn back_up(database: &Database, folder: &Path) {
    let start = if database.url.starts_with("sqlite:") { "cp" } else { "pg_dump" };
    let (succeeded, said) = shell(folder, command(start), &[("DATABASE_URL", &database.url)]);
    assert!(succeeded, "{said}");
    let name = command(start).split_whitespace().last().unwrap();
    let kept = fs::read(folder.join(name)).unwrap();
    let title = b"Ship the release";
    assert!(kept.windows(title.len()).any(|bytes| bytes == title));
}

#[tokio::test]
async fn new_ids_are_printed() {
    for database in Database::of_each_kind() {
        let setup = Setup::of(TODOS, database, None).await;
        setup.run("taskbridge tasks import --from todos", &[]);
        let printed = setup.run(command("taskbridge tasks ids"), &[]);
        let mut lines = printed.lines();
        assert_eq!(lines.next(), Some("table,old_id,new_id"));
        assert!(PAGE.contains("`table,old_id,new_id`"));
        assert_eq!(lines.count(), setup.tasks_of(&setup.ann).len() + setup.tasks_of(&setup.bob).len());
    }
}

#[tokio::test]
async fn users_are_found_by_email_address() {
    for database in Database::of_each_kind() {
        let setup = Setup::of(USERS, database, None).await;
        let import = command("taskbridge tasks import --from task --users-from");
        let report = setup.run(import, &[]);
        assert!(report.contains("2 others with the address of an owner have not verified it"), "{report}");
        assert!(report.contains("imported: 0 rows"), "{report}");
        setup.backend.query(r#"update "user" set "emailVerified" = true"#);
        setup.run(import, &[]);
        let id = setup.ann.user["id"].as_str().unwrap();
        let count = setup.backend.number(&format!("select count(*) from tasks where user_id = '{id}'"));
        assert_eq!(count, setup.tasks_of(&setup.ann).len() as u64);
    }
}

#[tokio::test]
async fn tasks_are_imported_from_another_database() {
    let pairs = [(Database::sqlite(), Database::postgres()), (Database::postgres(), Database::sqlite())];
    for (backend, own) in pairs {
        let setup = Setup::of(TASK, backend, Some(&own)).await;
        let import = command("taskbridge tasks import --from task --from-url");
        setup.run(import, &[("BACKEND_DATABASE_URL", &setup.backend.url)]);
        assert_eq!(own.number("select count(*) from tasks"), 30);
    }
}

/// The forms of `SQLAlchemy`'s URLs. The message about an unsupported form names the one to write.
#[tokio::test]
async fn urls_of_sqlalchemy_are_rewritten() {
    let import = command("taskbridge tasks import --from task --from-url");
    let own = Database::sqlite();
    let setup = Setup::of(TASK, Database::sqlite(), Some(&own)).await;
    fs::copy(setup.backend.url.trim_start_matches("sqlite://"), setup.folder.path().join("tasks.db")).unwrap();
    let forms = [
        ("postgresql+psycopg2://", "postgresql://"),
        ("postgresql+psycopg://", "postgresql://"),
        ("postgresql+asyncpg://", "postgresql://"),
        ("sqlite+aiosqlite:///./tasks.db", "sqlite://"),
    ];
    for (form, instead) in forms {
        assert!(PAGE.contains(&format!("`{form}`")), "{form}");
        let (succeeded, message) = setup.try_run(import, &[("BACKEND_DATABASE_URL", form)]);
        assert!(!succeeded && message.contains(&format!("write {instead}")), "{message}");
    }
    assert!(PAGE.contains("`sqlite:///./tasks.db`"));
    setup.run(import, &[("BACKEND_DATABASE_URL", "sqlite:///./tasks.db")]);
    assert_eq!(json!(own.number("select count(*) from tasks")), json!(30));
}

/// The options that the page names, for a column and for values that are not recognized.
#[tokio::test]
async fn columns_and_values_are_named() {
    for database in Database::of_each_kind() {
        let setup = Setup::of(TASK, database, None).await;
        let option = |start: &str| {
            let rest = PAGE.split(&format!("`{start} ")).nth(1).unwrap();
            format!("{start} {}", rest.split('`').next().unwrap())
        };
        let (count, done) = (setup.tasks_of(&setup.ann).len() * 2, states(setup.tasks_of(&setup.ann)));
        let done = done.iter().filter(|(_, is_done)| is_done == true).count() * 2;
        let line = format!("\nwould be imported: {count} rows ({done} done)\n");
        let import = "taskbridge tasks import --from task --dry-run";

        setup.backend.query("alter table task rename column completed to ticked");
        let report = setup.run(import, &[]);
        assert!(report.contains("\n  completed: no column: all tasks are open\n"), "{report}");
        let report = setup.run(&format!("{import} {}", option("--map")), &[]);
        assert!(report.contains(&line), "{report}");

        setup.backend.query("alter table task add column status varchar");
        setup.backend.query("update task set status = case when ticked then 'shipped' else 'parked' end");
        let (succeeded, message) = setup.try_run(import, &[]);
        assert!(
            !succeeded && ["shipped", "parked", "--done <value>"].iter().all(|text| message.contains(text)),
            "{message}"
        );
        let report = setup.run(&format!("{import} {} {}", option("--done"), option("--open")), &[]);
        assert!(report.contains(&line), "{report}");
    }
}

/// The settings for frontends of other backends, as the page names them.
#[tokio::test]
async fn the_settings_change_what_the_page_says() {
    let setting = |name: &str| {
        let text = PAGE.split(&format!("`TASKBRIDGE__TASKS__{name}=")).nth(1).unwrap();
        (format!("TASKBRIDGE__TASKS__{name}"), text.split('`').next().unwrap().to_owned())
    };
    let names = ["PREFIX", "WITHOUT_USER_ID", "LIST_ENVELOPE", "DELETE_MESSAGE", "IS_COMPLETED"].map(setting);
    let names: Vec<_> = names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let bridge = [("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", APP), ("JWKS_URL", "off")];
    let server = Server::start_with(&[&bridge[..], &names].concat());
    let token = Forge::of(&server).token("ann");
    let http = Client::new();
    let added = http.post(server.url("/ann/tasks")).bearer_auth(&token).json(&json!({ "title": "x" })).send().await;
    let task: Value = added.unwrap().json().await.unwrap();
    assert_eq!(task["is_completed"], false);
    let listed: Value = http.get(server.url("/tasks")).bearer_auth(&token).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed, json!({ "tasks": [task], "total": 1, "count": 1 }));
    let one = server.url(&format!("/ann/tasks/{}", task["id"]));
    let deleted = http.delete(one).bearer_auth(&token).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    assert!(deleted.json::<Value>().await.unwrap()["message"].is_string());
}
