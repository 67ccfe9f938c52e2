//! Commands other than `serve`.

use reqwest::StatusCode;
use serde_json::json;
use support::postgres::{fresh_database, psql};
use support::server::{migrations, refuse_to_start, run};
use support::{Server, User};

fn lines(word: &str, steps: &[String]) -> String {
    steps.iter().flat_map(|step| [word, " ", step, "\n"]).collect()
}

/// `migrate up`, `status` and `down`, on both kinds of database.
#[test]
fn the_schema_is_migrated_by_command() {
    let folder = tempfile::tempdir().unwrap();
    let steps = migrations(&[]);
    let (last, others) = steps.split_last().unwrap();
    for url in ["sqlite://commands.db", &fresh_database()] {
        let database = [("DATABASE_URL", url), ("RUST_LOG", "error")];
        let migrate = |command: &str| run(folder.path(), &["migrate", command], &database);
        assert_eq!(migrate("status"), (true, lines("pending", &steps)));
        assert_eq!(migrate("up"), (true, lines("applied", &steps)));
        assert_eq!(migrate("up"), (true, String::new()));
        assert_eq!(migrate("status"), (true, lines("applied", &steps)));
        assert_eq!(migrate("down"), (true, format!("reverted {last}\n")));
        assert_eq!(migrate("status"), (true, format!("{}pending {last}\n", lines("applied", others))));
        assert_eq!(migrate("up"), (true, format!("applied {last}\n")));
    }
}

/// With automatic migrations off, the server does not start on an old schema.
#[test]
fn a_server_that_must_not_migrate_says_what_to_run() {
    let url = fresh_database();
    let (status, message) = refuse_to_start(&[
        ("BETTER_AUTH_SECRET", support::server::SECRET),
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__DATABASE__MIGRATE", "off"),
    ]);
    assert_eq!(status.code(), Some(1));
    assert!(
        message.contains("run: taskbridge migrate up") && message.contains(&migrations(&[]).join(", ")),
        "{message}"
    );
    let folder = tempfile::tempdir().unwrap();
    assert!(run(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]).0);
    let server = Server::start_with(&[("DATABASE_URL", &url), ("TASKBRIDGE__DATABASE__MIGRATE", "off")]);
    assert!(server.address.starts_with("127.0.0.1:"));
}

/// An existing table of tasks is adopted. Tasks without an owner are hidden until they are assigned.
#[tokio::test]
async fn an_older_backends_tasks_are_adopted_and_given_away() {
    let url = fresh_database();
    psql(
        &url,
        "create table tasks (id serial primary key, user_id varchar, title varchar(200) not null, \
         description varchar(500), completed boolean default false, created_at timestamp, updated_at timestamp); \
         insert into tasks (user_id, title, completed, created_at) values \
         (null, 'orphan', true, '2025-01-02 03:04:05.123456'), (null, 'another', null, null), ('gone', 'of bob', false, null)",
    );
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let warned = |line: &String| line.contains("tasks without an owner") && line.contains("\"count\":2");
    assert!(server.log.lines().iter().any(warned));
    let warned = |line: &String| {
        line.contains("tasks whose owner is not a user") && line.contains(r#""count":1"#) && line.contains(r#""gone""#)
    };
    assert!(server.log.lines().iter().any(warned));
    let ann = User::sign_up(&server, "ann").await;
    assert_eq!(ann.list().await, json!([]));

    let assign = |user: &str| run(server.folder(), &["tasks", "assign", user], &[("DATABASE_URL", &url)]);
    let (assigned, message) = assign("nobody-has-this-id");
    assert!(!assigned, "{message}");
    let (assigned, message) = assign(&ann.id);
    assert!(assigned && message.starts_with("2 tasks assigned"), "{message}");

    let orphan = ann.get(&ann.tasks("/1")).await;
    assert_eq!(orphan.status(), StatusCode::OK);
    let orphan: serde_json::Value = orphan.json().await.unwrap();
    assert_eq!((&orphan["title"], &orphan["completed"]), (&json!("orphan"), &json!(true)));
    assert_eq!(orphan["created_at"], "2025-01-02T03:04:05.123Z");
    assert_eq!(ann.get(&ann.tasks("/2")).await.status(), StatusCode::OK);
    assert_eq!(ann.get(&ann.tasks("/3")).await.status(), StatusCode::NOT_FOUND);
    let database = [("DATABASE_URL", url.as_str())];
    let assign_of = |of: &str| run(server.folder(), &["tasks", "assign", &ann.id, "--of", of], &database);
    let (assigned, message) = assign_of(&ann.id);
    assert!(!assigned && message.contains("is a user, and keeps the tasks"), "{message}");
    assert_eq!(assign_of("gone"), (true, "1 tasks assigned\n".to_owned()));
    assert_eq!(ann.get(&ann.tasks("/3")).await.status(), StatusCode::OK);
    let added = ann.add(json!({ "title": "x", "description": "y".repeat(1000) })).await;
    assert_eq!(added["id"], 4);
}

/// A table of another name is not adopted, but named with the command that imports it.
#[test]
fn a_table_of_an_older_backend_with_another_name_is_named() {
    let url = fresh_database();
    psql(
        &url,
        "create table todo (id serial primary key, title text, done boolean); insert into todo (title) values ('x')",
    );
    let (found, next) = (
        "the table \"todo\" seems to contain tasks of another backend, which no user sees",
        "to import them, run: taskbridge tasks import --from todo",
    );
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let named = |line: &String| line.contains(&found.replace('"', "\\\"")) && line.contains(next);
    assert!(server.log.lines().iter().any(named), "{:?}", server.log.lines());
    let (planned, plan) = run(server.folder(), &["migrate", "plan"], &[("DATABASE_URL", &url)]);
    assert!(planned && plan.contains(&format!("Warnings:\n  {found}; {next}\n")), "{plan}");
    let (_, report) = run(server.folder(), &["doctor"], &[("DATABASE_URL", &url)]);
    assert!(report.contains(&format!("warn tables       {found}. Advice: {next}")), "{report}");
}

/// Server mode does not start with a `user` table of another program.
#[test]
fn a_foreign_user_table_is_refused() {
    let url = fresh_database();
    psql(
        &url,
        "create table \"user\" (id text primary key, name text not null, email text not null unique, \
         verified boolean not null, created_at timestamp not null, updated_at timestamp not null)",
    );
    let (status, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", support::server::SECRET), ("DATABASE_URL", &url)]);
    assert_eq!(status.code(), Some(1));
    let text = &message[message.find("\ntaskbridge: ").unwrap()..];
    assert!(text.contains("\n  table \"user\"") && text.contains("emailVerified"), "{text}");
    assert!(text.ends_with("\nAUTH_MODE=bridge works with these tables.\n"), "{text}");
}
