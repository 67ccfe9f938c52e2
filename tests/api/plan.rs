//! `taskbridge migrate plan`, and all programs on tables of Better Auth with other names.

use std::process::Command;

use serde_json::json;
use support::postgres::{dump, fresh_database, hold, psql};
use support::server::{SECRET, migrations, outcome, refuse_to_start, run};
use support::{Server, User};

/// Better Auth's tables as Drizzle makes them with `usePlural`, without the tables of plugins, and with one user.
pub(crate) const RENAMED: &str = "
create table users (id text primary key, name text not null, email text not null unique,
  email_verified boolean not null default false, image text, created_at timestamp not null default now(),
  updated_at timestamp not null default now());
create table sessions (id text primary key, expires_at timestamp not null, token text not null unique,
  created_at timestamp not null default now(), updated_at timestamp not null, ip_address text, user_agent text,
  user_id text not null references users (id) on delete cascade);
create table accounts (id text primary key, account_id text not null, provider_id text not null,
  user_id text not null references users (id) on delete cascade, access_token text, refresh_token text, id_token text,
  access_token_expires_at timestamp, refresh_token_expires_at timestamp, scope text, password text,
  created_at timestamp not null default now(), updated_at timestamp not null);
create table verifications (id text primary key, identifier text not null, value text not null,
  expires_at timestamp not null, created_at timestamp not null default now(), updated_at timestamp not null default now());
insert into users (id, name, email) values ('zoe', 'Zoe', 'zoe@example.test')";

/// Adds columns that Taskbridge does not know and cannot leave empty.
pub(crate) const TWO_REQUIRED_COLUMNS: &str = "
alter table users add column tenant text not null default ''; alter table users alter column tenant drop default;
alter table sessions add column device text not null";

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Returns the URL of a database with tables of other names, changed by these statements.
pub(crate) fn renamed(statements: &str) -> String {
    let url = fresh_database();
    psql(&url, &format!("{RENAMED}; {statements}"));
    url
}

/// Runs `migrate plan`, which changes nothing, and returns its exit code and output.
fn plan(url: &str, variables: Variables<'_>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let before = dump(url);
    let database = [("DATABASE_URL", url), ("RUST_LOG", "error")];
    let planned = outcome(folder.path(), &["migrate", "plan"], &[&database, variables].concat());
    assert_eq!(dump(url), before);
    planned
}

/// Returns the lines of a list in the plan, without their indentation.
fn list<'a>(text: &'a str, title: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| *line != format!("{title}:")).skip(1);
    lines.map_while(|line| line.strip_prefix("  ")).collect()
}

/// Returns the commands that the refusals of a plan name.
fn commands(text: &str) -> Vec<&str> {
    let refusals = list(text, "Refusals").into_iter();
    refusals.map(|line| line.split_once("; run: ").unwrap_or_else(|| panic!("{line}")).1).collect()
}

fn with(url: &str, variables: Variables<'_>, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    outcome(folder.path(), arguments, &[&[("DATABASE_URL", url), ("RUST_LOG", "error")], variables].concat())
}

#[test]
fn the_plan_of_renamed_tables_is_shown_and_changes_nothing() {
    let url = renamed("");
    let (code, text) = plan(&url, &[]);
    let steps = list(&text, "Pending migrations").join("\n  ");
    assert_eq!((code, text.clone()), (Some(0), include_str!("plan.txt").replace("{migrations}", &steps)));

    // The SQL of the additions is complete: the plan has none after it.
    let sql = list(&text, "Additions").join("\n");
    psql(&url, &sql);
    let (code, text) = plan(&url, &[]);
    assert!(code == Some(0) && text.contains("\nAdditions: none\n"), "{text}");

    assert_eq!(with(&url, &[], &["migrate", "up"]).0, Some(0));
    let (code, text) = plan(&url, &[("TASKBRIDGE__DATABASE__MIGRATE", "off")]);
    assert!(code == Some(0) && text.contains("\nPending migrations: none\n"), "{text}");
}

/// A plan reads the catalogue, and waits for locks only if it must also read rows: here, to find values that are not
/// unique. It then says what it waited for.
#[test]
fn a_plan_that_waits_for_a_lock_says_so() {
    let url = renamed("");
    let lock = "lock table users, sessions, accounts, verifications in access exclusive mode";
    let held = hold(&url, lock);
    assert_eq!(with(&url, &[], &["migrate", "plan"]).0, Some(0));
    drop(held);

    psql(&url, "alter table sessions drop constraint sessions_token_key");
    let _held = hold(&url, lock);
    let (code, text) = with(&url, &[], &["migrate", "plan"]);
    assert!(code == Some(1) && text.contains("timed out; check for database sessions that hold locks"), "{text}");
}

/// The start, the plan and `migrate up` name all reasons, with the commands that remove them.
#[test]
fn all_refusals_are_reported_at_once() {
    let url = renamed(TWO_REQUIRED_COLUMNS);
    let (code, text) = plan(&url, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.ends_with("The server would not start, for 2 reasons. AUTH_MODE=bridge works with these tables.\n"),
        "{text}"
    );
    let refusals = list(&text, "Refusals");
    for (refusal, names) in refusals.iter().zip([["users", "tenant"], ["sessions", "device"]]) {
        assert!(names.iter().all(|name| refusal.contains(name)), "{text}");
    }
    let before = dump(&url);
    let (status, log) =
        refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &url), ("TASKBRIDGE__LOG__FORMAT", "json")]);
    assert_eq!(status.code(), Some(1));
    let (code, message) = with(&url, &[("RUST_LOG", "off")], &["migrate", "up"]);
    assert_eq!((code, dump(&url)), (Some(1), before));
    for refusal in &refusals {
        let line = format!("\n  {refusal}\n");
        assert!(log.contains(&line) && message.contains(&line), "{refusal}: {log} {message}");
    }
    let logged: Vec<serde_json::Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let columns: Vec<_> = logged.iter().filter_map(|line| line["fields"]["column"].as_str()).collect();
    assert_eq!(columns, ["tenant", "device"], "{log}");

    for command in commands(&text) {
        psql(&url, command);
    }
    assert_eq!(plan(&url, &[]).0, Some(0));
}

/// The table of another backend is refused with all obstacles by the start, the plan, `migrate up` and the doctor.
#[test]
fn all_refusals_of_the_tasks_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (postgres, sqlite) = (fresh_database(), format!("sqlite://{}", folder.path().join("tasks.db").display()));
    let create = |id| {
        format!(
            "create table tasks (id {id} primary key, user_id text, title text not null, is_completed boolean not null)"
        )
    };
    psql(&postgres, &create("uuid"));
    let script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.argv[2])";
    let mut python = Command::new("python3");
    let python = python.args(["-c", script, &sqlite["sqlite://".len()..], &create("char(32)")]).status();
    assert!(python.unwrap().success());
    for (url, id) in [(&postgres, "uuid, not an integer"), (&sqlite, "char(32), not \"integer primary key\"")] {
        let reasons = [
            format!("table \"tasks\", column \"id\": is {id}; run: taskbridge tasks import --from tasks"),
            "table \"tasks\", column \"is_completed\": is \"completed\" under another name; run: alter table \"tasks\" \
             rename column \"is_completed\" to \"completed\""
                .to_owned(),
        ];
        let advice = "taskbridge tasks import --from tasks resolves all reasons of the table \"tasks\": it keeps the table \
                      as \"tasks_old\", and copies the rows into a new one.\n";
        let (code, text) = with(url, &[], &["migrate", "plan"]);
        assert_eq!((code, list(&text, "Refusals")), (Some(1), reasons.each_ref().map(String::as_str).to_vec()));
        assert!(text.ends_with(&format!("\nThe server would not start, for 2 reasons. {advice}")), "{text}");
        let (code, message) = with(url, &[], &["migrate", "up"]);
        let (status, log) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", url)]);
        assert_eq!((code, status.code()), (Some(1), Some(1)));
        let (_, report) = with(url, &[], &["doctor"]);
        for text in [message, log] {
            assert!(text.ends_with(&format!("\n  {}\n{advice}", reasons.join("\n  "))), "{text}");
        }
        for reason in reasons {
            let (found, next) = reason.split_once("; ").unwrap();
            let line = format!("fail migrations   {found}. Advice: {next}");
            assert!(report.contains(&line), "{report}");
        }
        let at_once = "; or resolve all reasons of the table at once, run: taskbridge tasks import --from tasks\n";
        assert!(report.contains(at_once) && !report.contains("AUTH_MODE=bridge"), "{report}");
    }
}

/// With `database.migrate` off, the server does not start before the additions have been made.
#[test]
fn additions_are_made_by_command_if_the_server_must_not_migrate() {
    let url = renamed("");
    let off = ("TASKBRIDGE__DATABASE__MIGRATE", "off");
    let database = [("DATABASE_URL", url.as_str()), ("BETTER_AUTH_SECRET", SECRET), off];
    let refused = || {
        let (code, text) = plan(&url, &[off]);
        assert_eq!(
            (code, list(&text, "Refusals")),
            (Some(1), vec!["database.migrate is off; run: taskbridge migrate up"])
        );
        let (status, message) = refuse_to_start(&database);
        assert!(status.code() == Some(1) && message.contains("; run: taskbridge migrate up"), "{message}");
        message
    };
    let message = refused();
    assert!(message.contains(&migrations(&[]).join(", ")), "{message}");
    assert_eq!(with(&url, &[], &["migrate", "up"]).0, Some(0));
    drop(Server::start_with(&database));

    // All migrations have been applied, and a table is missing again.
    psql(&url, "drop table rate_limit");
    let message = refused();
    assert!(message.contains("(create the table "), "{message}");
    assert_eq!(with(&url, &[], &["migrate", "up"]).0, Some(0));
    assert_eq!(psql(&url, "select count(*) from rate_limit"), "0");
    drop(Server::start_with(&database));
}

/// Names that cannot be recognized are refused with the setting that names them.
#[test]
fn names_that_are_not_recognized_are_set() {
    let url = renamed(
        "alter table users rename column email to address; alter table accounts rename column provider_id to provider",
    );
    let refusals = |names: Variables<'_>| {
        let (code, text) = plan(&url, names);
        assert_eq!(code, Some(1), "{text}");
        list(&text, "Refusals").join("\n")
    };
    let asked = refusals(&[]);
    assert!(asked.contains("auth.columns.user.email") && asked.contains(r#""address""#), "{asked}");
    assert!(asked.contains("set auth.tables.account (TASKBRIDGE__AUTH__TABLES__ACCOUNT) to"), "{asked}");
    let asked = refusals(&[("TASKBRIDGE__AUTH__TABLES__ACCOUNT", "accounts")]);
    assert!(asked.contains("auth.columns.account.providerId") && asked.contains(r#""provider""#), "{asked}");
    let asked = refusals(&[("TASKBRIDGE__AUTH__TABLES__USER", "members")]);
    assert!(asked.contains("auth.tables.user") && asked.contains("members"), "{asked}");
    // Bridge mode refuses a wrong name as well, so it is no alternative.
    for mode in ["server", "bridge"] {
        let names = [
            ("TASKBRIDGE__AUTH__TABLES__USER", "members"),
            ("AUTH_MODE", mode),
            ("BETTER_AUTH_URL", "http://127.0.0.1:9"),
        ];
        let (code, text) = plan(&url, &names);
        assert!(code == Some(1) && !text.contains("AUTH_MODE=bridge works"), "{text}");
    }
    let names = [
        ("TASKBRIDGE__AUTH__TABLES__USER", "public.users"),
        ("TASKBRIDGE__AUTH__TABLES__ACCOUNT", "accounts"),
        ("TASKBRIDGE__AUTH__COLUMNS__USER__EMAIL", "address"),
        ("TASKBRIDGE__AUTH__COLUMNS__ACCOUNT__PROVIDER_ID", "provider"),
    ];
    let (code, text) = plan(&url, &names);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("    email: \"address\"\n") && text.contains("    providerId: \"provider\"\n"), "{text}");
}

/// The role of a plan needs no privileges on the tables. It is told which ones the server needs.
#[test]
fn a_role_that_may_only_connect_can_plan() {
    let url = renamed("");
    let (server, name) = url.rsplit_once('/').unwrap();
    psql(&url, &format!("create role reader_{name} login; revoke create on schema public from public"));
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//reader_{name}:")));
    let (code, text) = with(&own, &[], &["migrate", "plan"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("  user: \"users\", ids: text\n"), "{text}");
    assert!(text.contains("create table "), "{text}");
    let refusals = list(&text, "Refusals");
    assert!(matches!(refusals[..], [refusal] if refusal.contains(" lacks ") && refusal.contains("grant ")), "{text}");
}

#[test]
fn a_sqlite_file_is_not_created_by_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let database = [("DATABASE_URL", "sqlite://new.db"), ("RUST_LOG", "error")];
    let (planned, text) = run(folder.path(), &["migrate", "plan"], &database);
    assert!(planned && text.contains("does not exist yet"), "{text}");
    assert!(!folder.path().join("new.db").exists());
    assert!(run(folder.path(), &["migrate", "up"], &database).0);
    let (planned, text) = run(folder.path(), &["migrate", "plan"], &database);
    assert!(
        planned && text.contains("  user: \"user\", ids: text\n") && text.contains("\nPending migrations: none\n"),
        "{text}"
    );
}

/// The server and every command that uses the tables find them under their names, and create no others.
#[tokio::test]
async fn everything_uses_the_renamed_tables() {
    let url = renamed("");
    let server = Server::start_with(&[("DATABASE_URL", &url), ("JWT_ALGORITHM", "EdDSA")]);
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let settings = [("DATABASE_URL", url.as_str()), ("JWT_ALGORITHM", "EdDSA"), ("PORT", port)];
    let line = server.log.lines().into_iter().find(|line| line.contains("have other names")).unwrap();
    assert!(line.contains(r#"user: \"users\", session: \"sessions\""#), "{line}");
    let is_warning = |line: &String| line.contains("WARN") && line.contains("times without a zone");
    assert!(server.log.lines().iter().any(is_warning), "{}", server.log.text());
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "x" })).await;
    assert_eq!(ann.list().await, json!([task]));
    let text = |arguments: &[&str]| {
        let (succeeded, text) = run(server.folder(), arguments, &[&settings[..], &[("RUST_LOG", "error")]].concat());
        assert!(succeeded, "{arguments:?}: {text}");
        text
    };
    assert!(text(&["keys", "list"]).contains(" signs"), "{}", text(&["keys", "list"]));
    assert!(text(&["token", "explain", &ann.token]).contains("Accepted: "));
    assert!(text(&["tasks", "assign", &ann.id]).contains("0 tasks assigned"));
    let (assigned, message) = run(server.folder(), &["tasks", "assign", "unknown"], &settings);
    assert!(!assigned && message.contains("there is no user"), "{message}");
    assert_eq!(psql(&url, "select count(*) from users"), "2");
    let tables = "select string_agg(tablename, ' ' order by tablename) from pg_tables where schemaname = 'public'";
    assert_eq!(psql(&url, tables), "accounts jwks rate_limit seaql_migrations sessions tasks users verifications");
}
