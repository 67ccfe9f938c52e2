//! `taskbridge doctor`: each thing that is wrong is told by its check alone, and nothing is changed.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use support::Server;
use support::postgres::{DATABASE_PASSWORD, behind_pgbouncer, fresh_database, psql};
use support::server::{SECRET, outcome};

const CHECKS: [&str; 12] = [
    "settings",
    "secret",
    "database",
    "tls",
    "migrations",
    "pool",
    "restrictions",
    "jwks",
    "clock",
    "cors",
    "proxy",
    "hash",
];

/// Nobody may see it, wherever it stands.
const CANARY: &str = "hunter2";

type Variables<'a> = &'a [(&'a str, &'a str)];

/// The status, and the report, which shows no secret in either form.
fn doctor(folder: &Path, variables: Variables<'_>) -> (Option<i32>, Value) {
    let (code, text) = outcome(folder, &["doctor", "--json"], variables);
    for secret in [CANARY, SECRET, DATABASE_PASSWORD] {
        assert!(!text.contains(secret), "{text}");
    }
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(report["ok"], code == Some(0), "{report}");
    (code, report)
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks.find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

fn with_state<'a>(report: &'a Value, state: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["state"] == state);
    checks.map(|check| check["name"].as_str().unwrap()).collect()
}

/// What is found and what to do both have the words.
fn tells(report: &Value, name: &str, found: &str, advice: &str) {
    let check = check(report, name);
    let has = |member: &str, words: &str| check[member].as_str().is_some_and(|text| text.contains(words));
    assert!(has("found", found) && has("advice", advice), "{found}, {advice}: {check}");
}

#[test]
fn a_good_set_up_passes_and_every_check_is_told_on_every_database() {
    let server = Server::start();
    let folder = server.folder();
    let url = fresh_database();
    let pooled = format!("{}?pgbouncer=true", behind_pgbouncer(url.rsplit_once('/').unwrap().1));
    let database = [("DATABASE_URL", url.as_str())];
    assert_eq!(outcome(folder, &["migrate", "up"], &database).0, Some(0));
    let in_folder = "sqlite://there/is/none/yet.db";
    for database in [in_folder, &url, &pooled] {
        let (code, report) =
            doctor(folder, &[("DATABASE_URL", database), ("BETTER_AUTH_TRUSTED_ORIGINS", "https://app.test")]);
        // Under load a hash may take its time.
        let troubled: Vec<_> = with_state(&report, "warn").into_iter().filter(|name| *name != "hash").collect();
        let expected: &[&str] = if database == in_folder { &["migrations"] } else { &[] };
        assert_eq!(troubled, expected, "{report}");
        assert_eq!(code, Some(0), "{report}");
        let names: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| &check["name"]).collect();
        assert_eq!(names, CHECKS);
        for check in report["checks"].as_array().unwrap() {
            assert_eq!(check["advice"].is_null(), check["state"] == "ok" || check["state"] == "skip", "{check}");
        }
    }
    let (_, report) = doctor(folder, &database);
    let found = |name: &str| check(&report, name)["found"].as_str().unwrap().to_owned();
    assert!(found("database").contains("pooled: auto: PostgreSQL 1"), "{report}");
    assert!(found("database").contains(", schema public, no pooler in between"), "{report}");
    assert!(found("pool").contains("the database allows 200"), "{report}");
    assert!(found("migrations").contains("all 2 migrations"), "{report}");
}

#[test]
fn people_get_a_line_for_each_check() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = outcome(folder.path(), &["doctor"], &[("BETTER_AUTH_SECRET", "")]);
    assert_eq!(code, Some(1));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), CHECKS.len() + 1, "{text}");
    for (line, name) in lines.iter().zip(CHECKS) {
        assert_eq!(line.split_whitespace().nth(1), Some(name), "{text}");
    }
    assert!(lines[1].starts_with("fail secret ") && lines[1].contains(". Advice: set BETTER_AUTH_SECRET"), "{text}");
    assert!(lines.last().unwrap().starts_with("1 failed, "), "{text}");
    assert_eq!(outcome(folder.path(), &["doctor", "--xml"], &[]).0, Some(2));
}

/// Whether it fails or warns depends on whether the pooler is busy.
#[test]
fn a_pooler_that_is_declared_to_be_absent_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let direct = fresh_database();
    let pooled = behind_pgbouncer(direct.rsplit_once('/').unwrap().1);
    let state = |url: &str, setting| {
        let (_, report) = doctor(folder.path(), &[("DATABASE_URL", url), ("TASKBRIDGE__DATABASE__POOLED", setting)]);
        check(&report, "database")["state"].as_str().unwrap().to_owned()
    };
    assert_ne!(state(&pooled, "off"), "ok");
    for (url, setting) in [(&pooled, "auto"), (&pooled, "on"), (&direct, "auto"), (&direct, "off"), (&direct, "on")] {
        assert_eq!(state(url, setting), "ok", "{url} {setting}");
    }
}

/// One that fails, and what is told; nothing else fails.
#[test]
fn each_fault_is_told_by_its_check_alone() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("postgres://ann:hunter2@{nobody}/tasks");
    let url = fresh_database();
    let (cluster, _) = url.rsplit_once('/').unwrap();
    let absent = format!("{cluster}/there_is_none");
    let foreign = fresh_database();
    psql(
        &foreign,
        r#"create table "user" (id text primary key, name text not null, email text not null unique, email_verified boolean not null)"#,
    );
    let standby = fresh_database();
    psql(
        &standby,
        &format!("alter database {} set default_transaction_read_only = on", standby.rsplit_once('/').unwrap().1),
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.db"), "x".repeat(4096)).unwrap();
    fs::create_dir(folder.path().join("folder.db")).unwrap();
    let empty = ("DATABASE_URL", url.as_str());
    let table: [(Variables<'_>, &str, &str, &str); 22] = [
        (&[("BETTER_AUTH_SECRET", "")], "secret", "is missing", "openssl rand"),
        (&[("BETTER_AUTH_SECRET", "hunter2")], "secret", "at least 32 characters", "openssl rand"),
        (&[("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890")], "secret", "a known example", "random"),
        (&[("PORT", "hunter2")], "settings", "server.port (from PORT in the environment)", "default.toml"),
        (&[("TASKBRIDGE__SERVER__PROT", "1")], "settings", "unknown key", "did you mean server.port?"),
        (&[("BETTER_AUTH_URL", "https://app.test")], "settings", "AUTH_MODE must be", "default.toml"),
        (&[("BETTER_AUTH_TRUSTED_ORIGINS", "*")], "cors", "every site", "default.toml"),
        (&[("TRUSTED_PROXIES", "10.0.0.0/33")], "proxy", "addresses or networks", "default.toml"),
        (&[("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "31")], "hash", "from 10 to 16", "default.toml"),
        (&[("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1001")], "pool", "from 0 to 1000", "default.toml"),
        (&[("DATABASE_URL", "mysql://root:hunter2@localhost/db")], "database", "the scheme mysql", "PostgreSQL or"),
        (&[("DATABASE_URL", "hunter2")], "database", "must be sqlite://", "default.toml"),
        (&[("DATABASE_URL", "postgres://ann:hunter#2@h/db")], "database", "raw # / ?", "percent-encode"),
        (
            &[("DATABASE_URL", "postgres://ann@h/db?sslmod=require")],
            "database",
            "parameter `sslmod`",
            "did you mean sslmode?",
        ),
        (&[("DATABASE_URL", "sqlite://notes.db")], "database", "not a SQLite database", "another file"),
        (&[("DATABASE_URL", "sqlite://folder.db")], "database", "cannot be read", "let the user"),
        (&[("DATABASE_URL", &refused)], "database", "refused the connection", "check that the database is running"),
        (&[("DATABASE_URL", &absent)], "database", "does not exist", "run: create database"),
        (&[("DATABASE_URL", &standby)], "database", "the database is read-only", "primary"),
        (&[empty, ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "300")], "pool", "allows 200", "lower database.max"),
        (&[empty, ("TASKBRIDGE__DATABASE__MIGRATE", "off")], "migrations", "pending", "run: taskbridge migrate up"),
        (&[("DATABASE_URL", &foreign)], "migrations", "\"emailVerified\": missing", "AUTH_MODE=bridge works"),
    ];
    for (variables, name, found, advice) in table {
        let (code, report) = doctor(folder.path(), variables);
        assert_eq!((code, with_state(&report, "fail")), (Some(1), vec![name]), "{variables:?}: {report}");
        tells(&report, name, found, advice);
    }
    for (file, text) in [(".env", "hunter2 hunter2\n"), ("config/staging.toml", "[auth]\nsecret = hunter2\n")] {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("config")).unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        let (code, report) =
            doctor(folder.path(), &[("TASKBRIDGE_PROFILE", if file == ".env" { "" } else { "staging" })]);
        assert_eq!(code, Some(1));
        tells(&report, "settings", file, "fix the file");
    }
}

/// As `config check` does; what can be looked at in spite of them is.
#[test]
fn all_faults_are_told_at_once_and_the_rest_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let variables = [
        ("BETTER_AUTH_SECRET", "hunter2"),
        ("PORT", "hunter2"),
        ("HOST", "hunter2"),
        ("TASKBRIDGE__PASSWORDS__QUEUE", "0"),
        ("DATABASE_URL", url.as_str()),
    ];
    let (code, report) = doctor(folder.path(), &variables);
    assert_eq!(code, Some(1));
    assert_eq!(with_state(&report, "fail"), ["settings", "settings", "secret", "hash"], "{report}");
    assert_eq!(check(&report, "database")["state"], "ok", "{report}");
    tells(
        &report,
        "migrations",
        "pending, and ready to apply: m20261121_000001_better_auth, m20261121_000002_tasks",
        "when it starts",
    );
}

/// The status is that of success: somebody may have meant it.
#[test]
fn what_may_be_meant_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let limited = fresh_database();
    psql(&limited, &format!("alter database {} connection limit 40", limited.rsplit_once('/').unwrap().1));
    let table: [(Variables<'_>, &str, &str, &str); 4] = [
        (
            &[("BETTER_AUTH_TRUSTED_ORIGINS", "http://app.test,https://b.test")],
            "cors",
            "http://app.test, https://b.test",
            "serve http://app.test over https",
        ),
        (&[], "cors", "may call the API", "BETTER_AUTH_TRUSTED_ORIGINS"),
        (&[("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "15")], "hash", "cost 15", "lower passwords.bcrypt_cost"),
        (&[("DATABASE_URL", &url)], "migrations", "pending", "taskbridge migrate up"),
    ];
    for (variables, name, found, advice) in table {
        let (code, report) = doctor(folder.path(), variables);
        assert_eq!((code, &check(&report, name)["state"]), (Some(0), &Value::from("warn")), "{report}");
        tells(&report, name, found, advice);
    }
    let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &limited)]);
    assert!(check(&report, "pool")["found"].as_str().unwrap().contains("allows 40,"), "{report}");
}

#[test]
fn a_database_that_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ann:hunter2@{}/tasks", silent.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &url)]);
    assert_eq!(with_state(&report, "fail"), ["database"]);
    tells(&report, "database", "did not answer within 5 seconds", "firewall");
}

/// The check reads the URL only; the database need not be reachable.
#[test]
fn connections_that_an_attacker_can_read_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let state = |parameters: &str| {
        // An address for documentation, which leads nowhere (RFC 5737).
        let url = format!("postgres://ann:hunter2@192.0.2.1/db?connect_timeout=1&{parameters}");
        let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &url)]);
        let check = check(&report, "tls");
        assert_eq!(check["state"] == "warn", check["advice"].as_str().is_some_and(|it| it.contains("verify-full")));
        (check["state"].as_str().unwrap().to_owned(), check["found"].as_str().unwrap().to_owned())
    };
    for (parameters, found) in [
        ("", "TLS is not required"),
        ("sslmode=disable", "TLS is off"),
        ("sslmode=require", "is not verified: another server can take its place"),
    ] {
        let (state, said) = state(parameters);
        assert!(state == "warn" && said.contains(found), "{parameters}: {said}");
    }
    for parameters in
        ["sslmode=require&channel_binding=require", "sslmode=verify-ca&sslrootcert=ca.pem", "sslrootcert=system"]
    {
        assert_eq!(state(parameters).0, "ok", "{parameters}");
    }
}

/// What the role may do is checked before the server tries it, and the report has the commands that help.
#[test]
fn the_doctor_prints_the_commands_that_grant_missing_privileges() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let (server, name) = url.rsplit_once('/').unwrap();
    let role = format!("role_{name}");
    psql(&url, &format!("create role {role} login; revoke create on schema public from public"));
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//{role}:")));
    let look = || doctor(folder.path(), &[("DATABASE_URL", &own)]).1;
    // Runs the commands of an advice as the owner, and returns what was found.
    let obey = |report: &Value| {
        let check = check(report, "migrations");
        assert_eq!(
            (&check["state"], with_state(report, "fail")),
            (&Value::from("fail"), vec!["migrations"]),
            "{report}"
        );
        let (_, commands) = check["advice"].as_str().unwrap().split_once("run as an administrator: ").unwrap();
        psql(&url, commands);
        check["found"].as_str().unwrap().to_owned()
    };
    assert!(obey(&look()).contains("lacks create on the schema \"public\""));
    let (code, report) = doctor(folder.path(), &[("DATABASE_URL", &own)]);
    assert_eq!(code, Some(0), "{report}");
    tells(
        &report,
        "migrations",
        "tables that will be created: user, session, account, verification, jwks",
        "no action is needed if",
    );

    // A table that must be altered belongs to another role.
    psql(&url, "create table tasks (id serial primary key, user_id text not null, title text not null)");
    assert!(obey(&look()).contains("ownership of the table \"public\".\"tasks\", which belongs to \"postgres\""));
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &own)]).0, Some(0));

    // Another role migrated; this one only serves.
    let service = format!("service_{name}");
    psql(&url, &format!("create role {service} login"));
    let own = own.replace(&role, &service);
    let look = || doctor(folder.path(), &[("DATABASE_URL", &own)]).1;
    let found = obey(&look());
    for lacking in [
        "select on the table \"public\".\"seaql_migrations\"",
        "select, insert, update, delete on the table \"public\".\"user\"",
        "usage of the sequence \"public\".\"tasks_id_seq\"",
    ] {
        assert!(found.contains(lacking), "{found}");
    }
    let report = look();
    assert_eq!(check(&report, "migrations")["state"], "ok", "{report}");
    let server = Server::start_with(&[("DATABASE_URL", &own)]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let user = support::User::sign_up(&server, "ann").await;
        let task = user.add(serde_json::json!({ "title": "x" })).await;
        assert_eq!(user.list().await, serde_json::json!([task]));
    });
}

/// Better Auth's tables belong to the role of another program, which must not lose its access.
#[test]
fn tables_of_another_role_stay_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let (server, name) = url.rsplit_once('/').unwrap();
    let (app, web) = (format!("app_{name}"), format!("web_{name}"));
    psql(
        &url,
        &format!("create role {app} login; create role {web} login; grant create on schema public to {app}, {web}"),
    );
    let of = |role: &str| format!("{}/{name}", server.replace("//postgres:", &format!("//{role}:")));
    let command = |arguments: &[&str], role: &str| outcome(folder.path(), arguments, &[("DATABASE_URL", &of(role))]);
    let obey = || {
        let report = doctor(folder.path(), &[("DATABASE_URL", &of(&web))]).1;
        let check = check(&report, "migrations");
        let (_, commands) = check["advice"].as_str().unwrap().split_once("run as an administrator: ").unwrap();
        psql(&url, commands);
        (check["found"].as_str().unwrap().to_owned(), commands.to_owned())
    };
    assert_eq!(command(&["migrate", "up"], &app).0, Some(0));
    psql(&url, "drop table tasks, seaql_migrations");
    // Their indices exist, so that nothing has to be altered.
    let (found, _) = obey();
    assert!(found.contains("references on the table \"public\".\"user\"") && !found.contains("ownership"), "{found}");
    assert_eq!(command(&["migrate", "up"], &web).0, Some(0));

    psql(&url, "drop table tasks, seaql_migrations; drop index \"session_userId_idx\"");
    let (found, commands) = obey();
    assert!(found.contains("ownership of the table \"public\".\"session\", which belongs to"), "{found}");
    assert_eq!(commands, format!("grant \"{app}\" to \"{web}\""));
    assert_eq!(command(&["migrate", "up"], &web).0, Some(0));
    assert_eq!(psql(&of(&app), "select count(*) from session"), "0");
    psql(&url, "revoke usage on schema public from public");
    let (found, commands) = obey();
    assert_eq!(found, format!("the role \"{web}\" lacks usage on the schema \"public\""));
    assert_eq!(commands, format!("grant usage on schema \"public\" to \"{web}\""));
    assert_eq!(command(&["migrate", "status"], &web).0, Some(0));
}

/// As docs/database.md says: one role migrates, and another one serves with the privileges that the page grants it.
#[tokio::test]
async fn the_documented_grants_are_all_that_a_server_needs() {
    let page = include_str!("../../docs/database.md");
    let (_, block) = page.split_once("```sql\n").unwrap();
    let grants = block.split_once("```").unwrap().0;
    let url = fresh_database();
    let (server, name) = url.rsplit_once('/').unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]).0, Some(0));
    let web = format!("web_{name}");
    psql(&url, &format!("create role {web} login; revoke all on schema public from public"));
    assert_eq!(grants.matches(" to web;").count(), 3, "{grants}");
    psql(&url, &grants.replace(" to web;", &format!(" to {web};")));
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//{web}:")));
    let server = Server::start_with(&[
        ("DATABASE_URL", &own),
        ("JWT_ALGORITHM", "EdDSA"),
        ("TASKBRIDGE__RATE_LIMIT__STORAGE", "database"),
        ("TASKBRIDGE__AUTH__DELETE_USER", "true"),
    ]);
    let user = support::User::sign_up(&server, "ann").await;
    let task = user.add(serde_json::json!({ "title": "x" })).await;
    assert_eq!(user.list().await, serde_json::json!([task]));
    assert!(!server.log.text().contains("permission denied"), "{}", server.log.text());
}

/// With `database.migrate` off, the role of the server needs no privileges for migrations.
#[test]
fn a_server_that_does_not_migrate_is_not_asked_for_the_privileges() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let (server, name) = url.rsplit_once('/').unwrap();
    psql(&url, &format!("create role web_{name} login; revoke create on schema public from public"));
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//web_{name}:")));
    let variables = [("DATABASE_URL", own.as_str()), ("TASKBRIDGE__DATABASE__MIGRATE", "off")];
    let report = doctor(folder.path(), &variables).1;
    tells(
        &report,
        "migrations",
        "pending, and ready to apply: m20261121_000001_better_auth, m20261121_000002_tasks",
        "run: taskbridge migrate up",
    );
    let (code, message) = outcome(folder.path(), &["serve"], &variables);
    assert!(
        code == Some(1) && message.contains("run: taskbridge migrate up") && !message.contains("grant"),
        "{message}"
    );
}

/// All files below a folder, with what is in them.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            all.push((path.display().to_string(), Vec::new()));
            all.extend(files(&path));
        } else {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn nothing_is_made_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = [("DATABASE_URL", "sqlite://new/tasks.db")];
    assert_eq!(doctor(folder.path(), &sqlite).0, Some(0));
    assert!(files(folder.path()).is_empty());

    // A server has been here, and has gone in order.
    let mut server = Server::start_with(&[("DATABASE_URL", "sqlite://old/tasks.db")]);
    let database = [("DATABASE_URL", "sqlite://old/tasks.db")];
    let (_, report) = doctor(server.folder(), &database);
    assert!(check(&report, "migrations")["found"].as_str().unwrap().contains("all 2 migrations"), "{report}");
    server.terminate();
    server.wait();
    let before = files(server.folder());
    assert!(before.iter().any(|(name, bytes)| name.ends_with("tasks.db") && !bytes.is_empty()));
    let (_, report) = doctor(server.folder(), &database);
    assert_eq!(check(&report, "migrations")["state"], "ok", "{report}");
    assert!(check(&report, "database")["found"].as_str().unwrap().contains("in WAL mode"), "{report}");
    assert_eq!(files(server.folder()), before);

    let url = fresh_database();
    psql(
        &url,
        "create table tasks (id serial primary key, user_id text, title text); insert into tasks (title) values ('x')",
    );
    let all = "select string_agg(concat(c.oid, c.relname, c.relkind, c.xmin), ',' order by c.oid) from pg_class c";
    let before = psql(&url, all);
    let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &url)]);
    assert_eq!(check(&report, "migrations")["state"], "warn", "{report}");
    assert_eq!(psql(&url, all), before);
}

#[test]
fn the_version_of_sqlite_and_what_will_be_created_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let found = |url: &str| {
        let (code, report) = doctor(folder.path(), &[("DATABASE_URL", url)]);
        assert_eq!((code, &check(&report, "database")["state"]), (Some(0), &Value::from("ok")), "{report}");
        check(&report, "database")["found"].as_str().unwrap().to_owned()
    };
    let missing = found("sqlite://new/data/tasks.db");
    assert!(missing.contains(": SQLite 3.") && missing.contains("creates the folder new/data, the file"), "{missing}");
    let missing = found("sqlite://tasks.db");
    assert!(missing.contains(": SQLite 3.") && missing.contains("creates the file"), "{missing}");
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", "sqlite://tasks.db")]).0, Some(0));
    let existing = found("sqlite://tasks.db");
    assert!(existing.contains(": SQLite 3.") && existing.contains("in WAL mode"), "{existing}");
}

#[test]
fn files_that_other_users_have_access_to_are_a_warning() {
    let server = Server::start_with(&[("DATABASE_URL", "sqlite://data/tasks.db")]);
    let path = |name: &str| server.folder().join(name);
    let set = |name: &str, mode| fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    let report = || doctor(server.folder(), &[("DATABASE_URL", "sqlite://data/tasks.db")]);
    for (name, private, exposed, found, advice) in [
        ("data/tasks.db", 0o600, 0o644, "data/tasks.db has the mode 0644", "chmod 600 data/tasks.db"),
        ("data/tasks.db", 0o600, 0o620, "data/tasks.db has the mode 0620", "chmod 600 data/tasks.db"),
        ("data/tasks.db-wal", 0o600, 0o604, "data/tasks.db-wal has the mode 0604", "chmod 600 data/tasks.db-wal"),
        ("data/tasks.db-shm", 0o600, 0o660, "data/tasks.db-shm has the mode 0660", "chmod 600 data/tasks.db-shm"),
        ("data", 0o700, 0o770, "data has the mode 0770", "chmod go-w data"),
    ] {
        set(name, exposed);
        let (code, report) = report();
        assert_eq!((code, &check(&report, "database")["state"]), (Some(0), &Value::from("warn")), "{report}");
        tells(&report, "database", found, advice);
        set(name, private);
    }
    // Read access to the folder, or a sticky folder, lets no other user replace files.
    for mode in [0o755, 0o1777, 0o700] {
        set("data", mode);
        assert_eq!(check(&report().1, "database")["state"], "ok", "{mode:o}");
    }
    set("data/tasks.db", 0o640);
    set("data", 0o722);
    let report = report().1;
    tells(
        &report,
        "database",
        "0640: other users have access to it; data has the mode 0722",
        "tasks.db; chmod go-w data",
    );
}

/// Keys in the table: which one signs, and what to do about one that cannot be read.
#[tokio::test]
async fn the_keys_in_the_table_are_told() {
    let server = Server::start_with(&[("JWT_ALGORITHM", "EdDSA"), ("DATABASE_URL", "sqlite://./tasks.db")]);
    let found = |report: &Value| check(report, "jwks")["found"].as_str().unwrap().to_owned();
    let settings = [("JWT_ALGORITHM", "EdDSA"), ("DATABASE_URL", "sqlite://./tasks.db")];
    let (_, report) = doctor(server.folder(), &settings);
    assert!(found(&report).contains("the first token creates a key"), "{report}");
    support::User::sign_up(&server, "ann").await;
    let (code, report) = doctor(server.folder(), &settings);
    assert_eq!(code, Some(0), "{report}");
    assert!(found(&report).contains("signs, with EdDSA"), "{report}");
    let other = ("BETTER_AUTH_SECRET", "another-end-to-end-secret-not-for-production-01");
    let (code, report) = doctor(server.folder(), &[&settings[..], &[other]].concat());
    assert_eq!((code, &check(&report, "jwks")["state"]), (Some(0), &Value::from("warn")), "{report}");
    tells(&report, "jwks", "encrypted with another secret", "BETTER_AUTH_SECRETS");
}
