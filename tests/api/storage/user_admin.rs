//! Operators manage users with `taskbridge users`, also while the server is running.

use std::io::pipe;
use std::process::Stdio;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use support::postgres::{fresh_database, psql};
use support::server::{Outcome, exit_code};
use support::user::PASSWORD;
use support::{Server, User};

use crate::sqlite::lock;

const OTHER_PASSWORD: &str = "another horse battery";

/// Runs `taskbridge users` with these arguments and this standard input.
fn users(server: &Server, arguments: &[&str], input: &str) -> Outcome {
    server.run_with_input(&[&["users"], arguments].concat(), &[], input)
}

/// Runs a command that must succeed, and returns its output.
fn done(server: &Server, arguments: &[&str], input: &str) -> String {
    let outcome = users(server, arguments, input);
    assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome:?}");
    outcome.stdout
}

/// Returns the answer to a sign-in: the status, and the body.
async fn sign_in(server: &Server, email: &str, password: &str) -> (StatusCode, Value) {
    let body = json!({ "email": email, "password": password });
    let answer = Client::new().post(server.url("/api/auth/sign-in/email")).json(&body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Returns the session of a cookie, or null.
async fn session(user: &User) -> Value {
    let request = user.anonymous(Method::GET, "/api/auth/get-session").header("cookie", &user.cookie);
    request.send().await.unwrap().json().await.unwrap()
}

/// Returns the audit lines of a command.
fn audit(outcome: &Outcome) -> Vec<Value> {
    let lines = outcome.stderr.lines().filter(|line| line.contains("taskbridge::audit"));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first user of an installation without sign-up. The running server signs the user in at once.
#[tokio::test]
async fn a_user_is_created_while_sign_up_is_off() {
    let server = Server::start_with(&[("AUTH_SIGN_UP", "off")]);
    let create = ["create", "First@Example.test", "--name", "Ada 漢字"];
    let input = format!("{PASSWORD}\nignored\n");
    let outcome = server.run_with_input(&[&["users"], &create[..]].concat(), &[("RUST_LOG", "off")], &input);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let id = outcome.stdout.strip_prefix("created user ").unwrap().trim_end();
    let [line] = &audit(&outcome)[..] else { panic!("{outcome:?}") };
    assert_eq!((&line["fields"]["action"], &line["fields"]["user_id"]), (&json!("create"), &json!(id)));
    assert!(!outcome.stderr.contains("xample.test") && !outcome.stderr.contains(PASSWORD), "{outcome:?}");

    let (status, body) = sign_in(&server, "first@example.test", PASSWORD).await;
    assert_eq!((status, &body["user"]["id"], &body["user"]["name"]), (StatusCode::OK, &json!(id), &json!("Ada 漢字")));
    assert_eq!(body["user"]["emailVerified"], false);
    let verified = done(&server, &["create", "b@example.test", "--name", "", "--verified", "--json"], PASSWORD);
    assert_eq!(serde_json::from_str::<Value>(&verified).unwrap()["emailVerified"], true);
    assert_eq!(sign_in(&server, "b@example.test", PASSWORD).await.1["user"]["emailVerified"], true);
}

/// The message says what is wrong, and no user is stored.
#[tokio::test]
async fn an_invalid_user_is_not_created() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    for (arguments, input, code, problem) in [
        (&["Ann@Example.test", "--name", "Ann"][..], PASSWORD, 1, "another user has this email address"),
        (&["bob@example.test", "--name", "Bob"], "short", 1, "at least 8 characters"),
        (&["bob@example.test", "--name", "Bob"], &"x".repeat(73), 1, "at most 72 bytes"),
        (&["bob@example.test", "--name", "Bob"], "", 1, "write the password to standard input"),
        (&["bob@example.test", "--name", "Bob"], "\r\n", 1, "write the password to standard input"),
        (&["bob@localhost", "--name", "Bob"], PASSWORD, 2, "not an email address"),
        (&["bob@example.test", "--name", &"x".repeat(101)], PASSWORD, 2, "at most 100 characters"),
        (&["bob@example.test", "--name", "Bob", PASSWORD], PASSWORD, 2, "unexpected argument"),
    ] {
        let outcome = users(&server, &[&["create"], arguments].concat(), input);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(code), ""), "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains(problem) && audit(&outcome).is_empty(), "{outcome:?}");
    }
    let list = done(&server, &["list"], "");
    assert!(list.starts_with(&format!("{}  ann@example.test  ann  created ", ann.id)), "{list}");
    assert_eq!(list.lines().count(), 1);
}

/// The old password and all sessions end, also those of the running server.
#[tokio::test]
async fn a_password_is_set() {
    let server = Server::start();
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    // Windows programs write a byte order mark at the start of a file.
    let windows = format!("\u{feff}{OTHER_PASSWORD}\r\n");
    for (who, input) in [("ann@example.test", OTHER_PASSWORD), (&ann.id, &windows)] {
        let outcome = users(&server, &["set-password", who], input);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stdout.contains("access tokens remain valid until they expire"), "{outcome:?}");
        let [line] = &audit(&outcome)[..] else { panic!("{outcome:?}") };
        assert_eq!((&line["fields"]["action"], &line["fields"]["user_id"]), (&json!("set-password"), &json!(ann.id)));
        assert!(!outcome.stderr.contains("example.test") && !outcome.stderr.contains("horse"), "{outcome:?}");
        assert_eq!(session(&ann).await, Value::Null);
        assert_eq!(sign_in(&server, &ann.email, PASSWORD).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in(&server, &ann.email, OTHER_PASSWORD).await.1["user"]["id"], json!(ann.id));
    }
    // As the message says.
    assert_eq!(ann.get(&ann.tasks("")).await.status(), StatusCode::OK);
    assert_eq!(session(&bob).await["user"]["id"], json!(bob.id));
    let refused = users(&server, &["set-password", "nobody@example.test"], PASSWORD);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("there is no user with this id or email address"), "{refused:?}");
}

/// A terminal asks twice and does not show the password.
#[tokio::test]
async fn a_terminal_asks_for_the_password() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let (first, second) = ("New password: ", "The same password again: ");
    for (again, code, password) in [("another cow", 1, PASSWORD), (OTHER_PASSWORD, 0, OTHER_PASSWORD)] {
        let answers = [(first, OTHER_PASSWORD, true), (second, again, true)];
        let (found, shown) = server.run_in_terminal(&["users", "set-password", &ann.email], &answers);
        assert_eq!(found, Some(code), "{shown}");
        assert!(!shown.contains("another") && shown.contains("the passwords differ") == (code == 1), "{shown}");
        assert_eq!(sign_in(&server, &ann.email, password).await.0, StatusCode::OK);
    }
}

/// Without a terminal and without `--yes`, nothing changes. In a terminal, the address must be typed.
#[tokio::test]
async fn what_cannot_be_undone_is_confirmed() {
    let server = Server::start();
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    for user in [&ann, &ann, &bob] {
        user.add(json!({ "title": "private" })).await;
    }
    for (command, what) in [
        ("ban", "ban the user and end all their sessions"),
        ("end-sessions", "end all sessions of the user"),
        ("delete", "delete the user and 2 tasks"),
    ] {
        let outcome = users(&server, &[command, &ann.email], "ann@example.test\n");
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{outcome:?}");
        assert!(
            outcome.stderr.contains(&format!("this would {what}")) && outcome.stderr.contains("--yes"),
            "{outcome:?}"
        );
        let prompt = format!("This will {what}. To confirm, type the email address ann@example.test: ");
        let (code, shown) = server.run_in_terminal(&["users", command, &ann.id], &[(&prompt, "yes", false)]);
        assert!(code == Some(1) && shown.contains("not confirmed; nothing has been changed"), "{shown}");
        assert_eq!(session(&ann).await["user"]["id"], json!(ann.id));
    }

    let outcome = users(&server, &["end-sessions", &ann.email, "--yes", "--json"], "");
    assert_eq!(outcome.stdout, format!("{{\"action\":\"end-sessions\",\"userId\":\"{}\"}}\n", ann.id), "{outcome:?}");
    assert_eq!(audit(&outcome).len(), 1);
    assert_eq!(session(&ann).await, Value::Null);
    assert_eq!(sign_in(&server, &ann.email, PASSWORD).await.0, StatusCode::OK);
    let shown = done(&server, &["show", &ann.email], "");
    for line in ["sign-in:   password", "sessions:  1", "tasks:     2", "notes:     email address not verified"] {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }

    let prompt = "type the email address ann@example.test: ";
    let (code, shown) = server.run_in_terminal(&["users", "delete", &ann.id], &[(prompt, &ann.email, false)]);
    assert!(code == Some(0) && shown.contains("deleted the user and 2 tasks"), "{shown}");
    assert_eq!(sign_in(&server, &ann.email, PASSWORD).await.0, StatusCode::UNAUTHORIZED);
    // The access token is still valid, but finds nothing and creates nothing.
    assert_eq!(ann.list().await, json!([]));
    let add = ann.request(Method::POST, &ann.tasks("")).json(&json!({ "title": "x" }));
    assert_eq!(add.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        (session(&bob).await["user"]["id"].clone(), bob.list().await[0]["title"].clone()),
        (json!(bob.id), json!("private"))
    );
}

/// The columns of the plugin are missing at first. The statements in the message add them.
#[tokio::test]
async fn a_ban_names_the_columns_that_it_needs() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let refused = users(&server, &["ban", &ann.email, "--yes"], "");
    assert!(refused.code == Some(1) && audit(&refused).is_empty(), "{refused:?}");
    for part in [
        "lacks columns of Better Auth's admin plugin (banned, banReason, banExpires)",
        r#""user" add column "banned" "#,
    ] {
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    assert_eq!(session(&ann).await["user"]["id"], json!(ann.id));
    let past = users(&server, &["ban", &ann.email, "--yes", "--until", "2020-01-01T00:00:00Z"], "");
    assert!(past.code == Some(1) && past.stderr.contains("must be in the future"), "{past:?}");
    let never = users(&server, &["ban", &ann.email, "--yes", "--until", "tomorrow"], "");
    assert!(never.code == Some(2) && never.stderr.contains("write a time such as"), "{never:?}");
}

/// A change is reported and logged only if there is one. The first ban warns of servers that do not know its columns yet.
#[tokio::test]
async fn a_ban_is_shown_and_ended() {
    let url = fresh_database();
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    let not_banned = || {
        let outcome = users(&server, &["unban", &ann.email], "");
        assert_eq!(outcome.stdout, format!("{}: the user is not banned\n", ann.id), "{outcome:?}");
        assert!(outcome.code == Some(0) && audit(&outcome).is_empty(), "{outcome:?}");
    };
    not_banned();
    let refused = users(&server, &["ban", &ann.email, "--yes"], "");
    let (_, statements) = refused.stderr.split_once("run: ").unwrap();
    assert!(statements.starts_with(r#"alter table "public"."user" add"#), "{refused:?}");
    psql(&url, statements.split_once("; a running server").unwrap().0);

    let columns = "added less than a minute ago";
    let first = done(&server, &["ban", &ann.email, "--reason", "spam\u{202e}", "--yes"], "");
    assert!(first.contains(columns), "{first}");
    let until = ["ban", &bob.email, "--until", "2999-12-31T00:00:00Z", "--yes"];
    let second = done(&server, &until, "");
    assert!(second.contains("banned the user") && !second.contains(columns), "{second}");
    let show = |user: &User| {
        let shown = done(&server, &["show", &user.id], "");
        let json: Value = serde_json::from_str(&done(&server, &["show", &user.id, "--json"], "")).unwrap();
        (shown.lines().last().unwrap().to_owned(), json["banReason"].clone())
    };
    let notes = "notes:     email address not verified";
    assert_eq!(show(&ann), (format!(r"{notes}, banned (spam\u{{202e}})"), json!("spam\u{202e}")));
    assert_eq!(show(&bob), (format!("{notes}, banned until 2999-12-31T00:00:00.000Z"), Value::Null));

    let ended = users(&server, &["unban", &ann.email], "");
    assert_eq!(ended.stdout, format!("{}: ended the ban\n", ann.id), "{ended:?}");
    let [line] = &audit(&ended)[..] else { panic!("{ended:?}") };
    assert_eq!((&line["fields"]["action"], &line["fields"]["user_id"]), (&json!("unban"), &json!(ann.id)));
    not_banned();
    assert_eq!(show(&ann), (notes.to_owned(), Value::Null));
    for changed in [true, false] {
        let json: Value = serde_json::from_str(&done(&server, &["unban", &bob.id, "--json"], "")).unwrap();
        assert_eq!(json, json!({ "action": "unban", "changed": changed, "userId": bob.id }));
    }
}

/// Such an address comes from another program. A sign-in looks for the address in lower case.
#[tokio::test]
async fn an_address_with_capital_letters_is_reported() {
    let url = fresh_database();
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    psql(&url, &format!(r#"update "user" set email = 'Ann@Example.test' where id = '{}'"#, ann.id));
    let note = "capital letters in the email address, with which the user cannot sign in";
    let list = done(&server, &["list"], "");
    for line in list.lines() {
        assert_eq!(line.contains(note), line.starts_with(&ann.id), "{line}");
    }
    assert!(done(&server, &["show", &ann.id], "").contains(note));
    for (user, warned) in [(&ann, true), (&bob, false)] {
        let outcome = users(&server, &["set-password", &user.id, "--json"], OTHER_PASSWORD);
        assert_eq!((outcome.code, outcome.stderr.contains(note)), (Some(0), warned), "{outcome:?}");
        let signed_in = sign_in(&server, &user.email, OTHER_PASSWORD).await.0 == StatusCode::OK;
        assert_eq!(signed_in, !warned);
    }
    let refused = users(&server, &["create", "ann@example.test", "--name", "Ann"], PASSWORD);
    assert!(refused.code == Some(1) && audit(&refused).is_empty(), "{refused:?}");
    assert!(refused.stderr.contains("another user has this email address, stored with capital letters"), "{refused:?}");
    assert_eq!(done(&server, &["list"], "").lines().count(), 2);
}

/// The message contains no text of the driver.
#[tokio::test]
async fn a_busy_database_is_named() {
    let database = [("DATABASE_URL", "sqlite://tasks.db"), ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1")];
    let server = Server::start_with(&database);
    let ann = User::sign_up(&server, "ann").await;
    let mut lock = lock(&server);
    for arguments in [&["create", "bob@example.test", "--name", "Bob"][..], &["set-password", &ann.id]] {
        let outcome = users(&server, arguments, OTHER_PASSWORD);
        let expected = "taskbridge: the database is busy or cannot be reached; nothing has been changed\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), expected), "{outcome:?}");
    }
    // The end of its standard input ends the other process.
    drop(lock.stdin.take());
    assert!(lock.wait().unwrap().success());
    assert_eq!(sign_in(&server, &ann.email, PASSWORD).await.0, StatusCode::OK);
    assert_eq!(done(&server, &["list"], "").lines().count(), 1);
}

/// Each user is listed once, as one line of text or JSON.
#[tokio::test]
async fn users_are_listed() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let rename = ann.anonymous(Method::POST, "/api/auth/update-user").header("cookie", &ann.cookie);
    let evil = json!({ "name": "a\n\u{1b}[2J\u{202e}b" });
    assert_eq!(rename.header("origin", &server.origin).json(&evil).send().await.unwrap().status(), StatusCode::OK);
    let bob = User::sign_up(&server, "bob").await;
    let list = done(&server, &["list"], "");
    assert!(list.lines().any(|line| line.contains(r"  a\n\u{1b}[2J\u{202e}b  created ")), "{list}");
    let json: Vec<Value> =
        done(&server, &["list", "--json"], "").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ids: Vec<_> = json.iter().map(|user| user["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let mut expected = [ann.id.as_str(), &bob.id];
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

/// A reader that closes the pipe, such as `head`, is not an error.
#[tokio::test]
async fn a_list_that_nobody_reads_ends() {
    let database = [("DATABASE_URL", "sqlite://tasks.db")];
    let server = Server::start_with(&database);
    User::sign_up(&server, "ann").await;
    let (reader, closed) = pipe().unwrap();
    drop(reader);
    for arguments in [&["users", "list"][..], &["users", "list", "--json"]] {
        let code = exit_code(server.folder(), arguments, &database, closed.try_clone().unwrap(), Stdio::inherit());
        assert_eq!(code, Some(0));
    }
}

/// The app has added a column since the server started.
#[test]
fn a_column_that_a_new_user_needs_is_named() {
    let url = fresh_database();
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    psql(&url, r#"alter table "user" add column "tenant" text not null"#);
    let refused = users(&server, &["create", "ann@example.test", "--name", "Ann"], PASSWORD);
    assert!(refused.code == Some(1) && refused.stderr.contains(r#"table "user", column "tenant""#), "{refused:?}");
}
