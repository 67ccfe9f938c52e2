//! Every command and file of docs/moving.md, verbatim.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};
use support::better_auth::{BetterAuth, Program};
use support::forge::Forge;
use support::peer::APP;
use support::server::{SECRET, shell};
use support::user::PASSWORD;
use support::{Database, Peer, Server, page};

pub(crate) const PAGE: &str = include_str!("../../docs/moving.md");

/// Returns the environment that the page shows, for an app on this database.
fn environment(database: &Database) -> Vec<(String, String)> {
    let value = |name: &str, text: &str| match name {
        "BETTER_AUTH_URL" => APP.into(),
        "BETTER_AUTH_SECRET" => SECRET.into(),
        "DATABASE_URL" => database.url.clone(),
        _ => text.to_owned(),
    };
    let files = page::files(PAGE);
    let lines = files[".env"].lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap()).map(|(name, text)| (name.into(), value(name, text))).collect()
}

/// Returns the command on the page that begins with `start`.
fn command(start: &str) -> &'static str {
    let all = page::commands(PAGE, "sh");
    all.into_iter().find(|command| command.starts_with(start)).unwrap()
}

#[test]
fn the_page_shows_nothing_that_is_not_run_here() {
    let files: Vec<_> = page::files(PAGE).into_keys().collect();
    assert_eq!(files, [".env", "lib/auth.ts", "lib/password.ts", "next.config.ts"]);
    let programs = page::commands(PAGE, "sh").into_iter().map(|command| command.split(' ').next().unwrap());
    assert_eq!(programs.collect::<Vec<_>>(), ["taskbridge", "pg_dump", "cp", "taskbridge", "curl", "taskbridge"]);
    assert_eq!(page::commands(PAGE, "sql").len(), 1);
    assert_eq!(PAGE.matches("```").count(), 22);
}

/// A user who is signed in stays signed in.
#[tokio::test]
async fn an_app_moves_to_taskbridge_and_back() {
    for database in Database::of_each_kind() {
        let better_auth = BetterAuth::on(&database, &[]);
        let theirs = Peer::better_auth(&better_auth);
        let ann = theirs.sign_up("ann").await;
        let session = theirs.get_session(&ann.cookie).await;
        look_first(&database, &ann.user["id"]);
        drop(better_auth);
        back_up(&database);

        let better_auth = BetterAuth::on(&database, &[]);
        assert_eq!(command("taskbridge s"), "taskbridge serve\n");
        let variables = environment(&database);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // Removes the setting with which tests disable rate limits.
        let server = Server::start_with(&[&[("RATE_LIMIT", "")], variables.as_slice()].concat());
        let url = ("TASKBRIDGE_URL", server.base.as_str());
        let (found, printed) = shell(server.folder(), command("curl"), &[url, ("COOKIE", &ann.cookie)]);
        assert!(found, "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), session);

        let app = page::build(&page::files(PAGE));
        let app = Program::start("rewrite.mjs", &[("ROOT", app.path().to_str().unwrap()), url]);
        let app = Peer::at("the-app", &app.line);
        assert_eq!(app.get_session(&ann.cookie).await, session);
        let tasks = server.url(&format!("/api/{}/tasks", ann.user["id"].as_str().unwrap()));
        let listed = reqwest::Client::new().get(tasks).bearer_auth(app.jwt(&ann.cookie).await).send().await.unwrap();
        assert_eq!((listed.status().as_u16(), listed.text().await.unwrap()), (200, "[]".into()));
        let again = app.sign_in(&ann.user, PASSWORD).await;
        let bob = app.sign_up("bob").await;
        assert_eq!(database.number(r#"select count(*) from "rateLimit" where key like '192.0.2.1|/sign-%'"#), 2);

        drop(server);
        let back = Peer::better_auth(&better_auth);
        assert_eq!(back.get_session(&ann.cookie).await, session);
        for session in [&again, &bob] {
            assert_eq!(back.get_session(&session.cookie).await["user"], session.user);
            assert_eq!(back.sign_in(&session.user, PASSWORD).await.user, session.user);
        }
    }
}

/// In bridge mode, the tasks were in a database of their own.
#[tokio::test]
async fn the_tasks_of_another_database_come_along() {
    for (database, old) in Database::of_each_kind().into_iter().zip(Database::of_each_kind().into_iter().rev()) {
        let better_auth = BetterAuth::on(&database, &[]);
        let ann = Peer::better_auth(&better_auth).sign_up("ann").await;
        let of_app = environment(&database);
        let of_app: Vec<_> = of_app.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let http = reqwest::Client::new();
        let path = format!("/api/{}/tasks", ann.user["id"].as_str().unwrap());
        let of_ann = |server: &Server, method| {
            let token = Forge::of(server).token(ann.user["id"].as_str().unwrap());
            http.request(method, server.url(&path)).bearer_auth(token)
        };
        let listed = async |server: &Server| -> Value {
            of_ann(server, Method::GET).send().await.unwrap().json().await.unwrap()
        };

        let bridge = Server::start_with(&[
            ("AUTH_MODE", "bridge"),
            ("BETTER_AUTH_URL", &better_auth.url),
            ("DATABASE_URL", &old.url),
        ]);
        for (title, completed) in [("Buy milk", true), ("Call Bob", false)] {
            let task = json!({ "title": title, "completed": completed });
            assert_eq!(of_ann(&bridge, Method::POST).json(&task).send().await.unwrap().status(), 201);
        }
        let tasks = listed(&bridge).await;
        drop(bridge);

        let old = [of_app.as_slice(), &[("OLD_DATABASE_URL", old.url.as_str())]].concat();
        let folder = tempfile::tempdir().unwrap();
        let import = command("taskbridge tasks");
        for (run, expected) in [(import, "tasks: 0 before, 2 after"), (import, "imported before: 2 rows")] {
            let (imported, report) = shell(folder.path(), run, &old);
            assert!(imported && report.contains(expected), "{report}");
        }
        let server = Server::start_with(&[of_app.as_slice(), &[("TASKBRIDGE__JWT__ACCEPT_HS256", "on")]].concat());
        assert_eq!((listed(&server).await, tasks.as_array().unwrap().len()), (tasks, 2));
    }
}

/// The number of users without a password, and the report of the doctor.
fn look_first(database: &Database, somebody: &Value) {
    let sql = page::commands(PAGE, "sql")[0];
    assert_eq!(database.number(sql), 0);
    let of_them = format!(r#"from "user" where id = '{}'"#, somebody.as_str().unwrap());
    database.query(&format!(
        r#"insert into "user" select 'social', name, 'social@example.test', "emailVerified", image, "createdAt", "updatedAt" {of_them}"#
    ));
    assert_eq!(database.number(sql), 1);

    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = environment(database).iter().map(|(name, value)| format!("{name}='{value}'")).collect();
    fs::write(folder.path().join(".env"), lines.join("\n")).unwrap();
    let (passed, report) = shell(folder.path(), command("taskbridge d"), &[]);
    assert!(passed && report.contains("0 failed"), "{report}");
    assert!(report.contains("mode server"), "{report}");
}

/// The backup contains the users.
fn back_up(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let start = if database.url.starts_with("sqlite:") { "cp" } else { "pg_dump" };
    let (succeeded, said) = shell(folder.path(), command(start), &[("DATABASE_URL", &database.url)]);
    assert!(succeeded, "{said}");
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let kept = fs::read(&files[0]).unwrap();
    let address = b"ann.of.better-auth@example.test";
    assert!(kept.windows(address.len()).any(|bytes| bytes == address), "{files:?}");
}

/// For example, a column that the app has renamed.
#[test]
fn the_doctor_finds_what_is_in_the_way() {
    for database in Database::of_each_kind() {
        database.load(
            r#"create table "user" (id text primary key, name text not null, email text not null unique,
               verified boolean not null, created_at timestamp not null, updated_at timestamp not null)"#,
        );
        let folder = tempfile::tempdir().unwrap();
        let variables = environment(&database);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (passed, report) = shell(folder.path(), command("taskbridge d"), &variables);
        assert!(!passed && report.contains(r#"column "emailVerified": missing"#), "{report}");
        assert!(report.contains("AUTH_MODE=bridge"), "{report}");
    }
}
