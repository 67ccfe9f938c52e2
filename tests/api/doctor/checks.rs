//! What each check reports, and the report as a whole.

use std::fs::{self};
use std::net::TcpListener;

use serde_json::Value;
use support::Server;
use support::postgres::{behind_pgbouncer, fresh_database, psql};
use support::server::{migrations, outcome};

use super::{CHECKS, Variables, check, doctor, tells, with_state};

#[test]
fn a_default_installation_has_no_warnings_and_every_check_is_reported_on_every_database() {
    let server = Server::start();
    let folder = server.folder();
    let (url, empty) = (fresh_database(), fresh_database());
    let pooled = format!("{}?pgbouncer=true", behind_pgbouncer(url.rsplit_once('/').unwrap().1));
    let database = [("DATABASE_URL", url.as_str())];
    assert_eq!(outcome(folder, &["migrate", "up"], &database).0, Some(0));
    let in_folder = "sqlite://there/is/none/yet.db";
    for database in [in_folder, &empty, &url, &pooled] {
        let (code, report) = doctor(folder, &[("DATABASE_URL", database)]);
        // On a busy machine, hashing may be slow.
        let troubled: Vec<_> = with_state(&report, "warn").into_iter().filter(|name| *name != "hash").collect();
        assert!(troubled.is_empty(), "{report}");
        assert_eq!(code, Some(0), "{report}");
        let names: Vec<_> = report["checks"].as_array().unwrap().iter().map(|check| &check["name"]).collect();
        assert_eq!(names, CHECKS);
        for check in report["checks"].as_array().unwrap() {
            assert_eq!(check["advice"].is_null(), check["state"] == "ok" || check["state"] == "skip", "{check}");
        }
    }
    for database in [in_folder, &empty] {
        let (_, report) = doctor(folder, &[("DATABASE_URL", database)]);
        for (name, found) in [
            ("migrations", "tables that will be created: user, session"),
            ("migrations", "when it starts"),
            ("tables", "Better Auth's tables do not exist yet"),
            ("restrictions", "there are no users yet"),
            ("emails", "there are no users yet"),
            ("tasks", "there are no tasks yet"),
            ("cors", "BETTER_AUTH_TRUSTED_ORIGINS"),
        ] {
            assert!(check(&report, name)["found"].as_str().unwrap().contains(found), "{found}: {report}");
        }
    }
    let (_, report) = doctor(folder, &database);
    let found = |name: &str| check(&report, name)["found"].as_str().unwrap().to_owned();
    assert!(found("database").contains("pooled: auto: PostgreSQL 1"), "{report}");
    assert!(found("database").contains(", schema public, no pooler in between"), "{report}");
    assert!(found("pool").contains("the database allows 200"), "{report}");
    assert_eq!(found("migrations"), format!("all {} migrations have been applied", migrations(&[]).len()));
}

#[test]
fn people_get_a_line_for_each_check() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = outcome(folder.path(), &["doctor"], &[("BETTER_AUTH_SECRET", "")]);
    assert_eq!(code, Some(1));
    let mut names = CHECKS.iter();
    let mut titles = Vec::new();
    let (summary, groups) =
        text.split("\n\n").collect::<Vec<_>>().split_last().map(|(last, all)| (*last, all.to_vec())).unwrap();
    for group in groups {
        let (title, checks) = group.split_once('\n').unwrap();
        titles.push(title);
        for line in checks.lines() {
            assert_eq!(line.split_whitespace().nth(1), names.next().copied(), "{text}");
        }
    }
    assert_eq!(names.next(), None, "{text}");
    assert_eq!(titles, ["Settings", "Database", "Better Auth's tables", "Keys", "Network"], "{text}");
    let secret = text.lines().find(|line| line.starts_with("fail secret ")).unwrap();
    assert!(secret.contains(". Advice: set BETTER_AUTH_SECRET"), "{text}");
    assert!(summary.starts_with("1 failed, ") && summary.trim_end().lines().count() == 1, "{text}");
    assert_eq!(outcome(folder.path(), &["doctor", "--xml"], &[]).0, Some(2));
}

/// Whether it is an error or a warning depends on the load of the pooler.
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

/// For each error: the check that fails, and its message. No other check fails.
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
        r#"create table "user" (id text primary key, name text not null, email text not null unique, verified boolean not null)"#,
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
    let server = Server::start();
    let web = format!("postgres://ann:hunter2@{}/tasks", server.address.trim_start_matches("http://"));
    let table: [(Variables<'_>, &str, &str, &str); 23] = [
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
        (&[("DATABASE_URL", &web)], "database", "answered, but not as PostgreSQL does", "another program"),
        (&[("DATABASE_URL", &absent)], "database", "does not exist", "run: create database"),
        (&[("DATABASE_URL", &standby)], "database", "the database is read-only", "primary"),
        (&[empty, ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "300")], "pool", "allows 200", "lower database.max"),
        (&[empty, ("TASKBRIDGE__DATABASE__MIGRATE", "off")], "migrations", "pending", "run: taskbridge migrate up"),
        (
            &[("DATABASE_URL", &foreign)],
            "migrations",
            "\"emailVerified\": missing",
            "set auth.columns.user.emailVerified",
        ),
    ];
    for (variables, name, found, advice) in table {
        let (code, report) = doctor(folder.path(), variables);
        let mut failed = with_state(&report, "fail");
        failed.dedup();
        assert_eq!((code, failed), (Some(1), vec![name]), "{variables:?}: {report}");
        tells(&report, name, found, advice);
        assert!(!report.to_string().contains("bytes remaining"), "{report}");
        if name == "secret" {
            assert_eq!(check(&report, "cookies")["found"], "the settings of the auth mode are invalid", "{report}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/staging.toml"), "[auth]\nsecret = hunter2\n").unwrap();
    let (code, report) = doctor(folder.path(), &[("TASKBRIDGE_PROFILE", "staging")]);
    assert_eq!(code, Some(1));
    tells(&report, "settings", "config/staging.toml", "fix the file");
}

/// All configuration errors are reported, as by `config check`; checks that do not depend on them still run.
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
    let found = format!("pending, and ready to apply: {}", migrations(&[]).join(", "));
    assert!(check(&report, "migrations")["found"].as_str().unwrap().contains(&found), "{report}");
}

/// The doctor names a cause once, and not in the words of a database driver.
#[test]
fn an_error_of_the_database_is_reported_once_and_without_the_text_of_the_driver() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.db"), "x".repeat(4096)).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = fresh_database();
    let (cluster, name) = url.rsplit_once('/').unwrap();
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]).0, Some(0));
    psql(&url, &format!("create role reader_{name} login"));
    let reader = format!("{}/{name}", cluster.replace("//postgres:", &format!("//reader_{name}:")));
    for (database, cause) in [
        (format!("postgres://ann:hunter2@{closed}/tasks"), "refused the connection"),
        (format!("{cluster}/there_is_none"), "does not exist"),
        (format!("postgres://ghost:hunter2@{}/{name}", cluster.rsplit_once('@').unwrap().1), "ghost"),
        ("sqlite://notes.db".into(), "is not a SQLite database"),
        (reader, "lacks select, insert"),
    ] {
        let (code, report) = doctor(folder.path(), &[("DATABASE_URL", &database)]);
        assert_eq!(code, Some(1), "{report}");
        let told = report["checks"].as_array().unwrap().iter().filter(|check| check.to_string().contains(cause));
        assert_eq!(told.count(), 1, "{cause}: {report}");
        for raw in ["SQLSTATE", "error returned from database", "os error", "permission denied", "inconsistent"] {
            assert!(!report.to_string().contains(raw), "{raw}: {report}");
        }
    }
}

/// A warning does not change the exit status, because the setting may be intended.
#[test]
fn what_may_be_meant_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let limited = fresh_database();
    psql(&limited, &format!("alter database {} connection limit 40", limited.rsplit_once('/').unwrap().1));
    let table: [(Variables<'_>, &str, &str, &str); 2] = [
        (
            &[("BETTER_AUTH_TRUSTED_ORIGINS", "http://app.test,https://b.test")],
            "cors",
            "http://app.test, https://b.test",
            "serve http://app.test over https",
        ),
        (&[("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "15")], "hash", "cost 15", "lower passwords.bcrypt_cost"),
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

/// The check only reads the URL, so the database need not be reachable.
#[test]
fn connections_that_an_attacker_can_read_are_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let state = |parameters: &str| {
        // An unreachable address, reserved for documentation (RFC 5737).
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

/// Reports which key signs, and what to do about a key that cannot be decrypted.
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

#[test]
fn tasks_that_no_user_sees_are_counted() {
    let url = fresh_database();
    let folder = tempfile::tempdir().unwrap();
    let database = [("DATABASE_URL", url.as_str())];
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &database).0, Some(0));
    let (_, report) = doctor(folder.path(), &database);
    assert_eq!(check(&report, "tasks")["found"], "each task belongs to a user", "{report}");
    psql(
        &url,
        "alter table tasks alter user_id drop not null; alter table tasks drop constraint tasks_user_id_fkey; \
         insert into tasks (user_id, title, created_at, updated_at) \
         select owner, 'x', now(), now() from unnest(array[null, 'old', 'old', 'gone']) as owners (owner)",
    );
    let (code, report) = doctor(folder.path(), &database);
    assert_eq!((code, &check(&report, "tasks")["state"]), (Some(0), &Value::from("warn")), "{report}");
    let found = "tasks without an owner: 1; tasks whose owner is not a user: 3, most of them of \"old\", \"gone\"; no user sees them";
    let advice = "run: taskbridge tasks assign <user id>; taskbridge tasks assign <user id> --of <former owner>";
    tells(&report, "tasks", found, advice);
    let bridge = [database[0], ("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "http://127.0.0.1:1")];
    let (_, report) = doctor(folder.path(), &bridge);
    tells(&report, "tasks", "tasks without an owner: 1; no user sees them", "run: taskbridge tasks assign <user id>");
}
