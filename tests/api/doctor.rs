//! `taskbridge doctor`: each thing that is wrong is told by its check alone, and nothing is changed. (N8, Q2)

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use support::Server;
use support::postgres::{DATABASE_PASSWORD, behind_pgbouncer, fresh_database, psql};
use support::server::{SECRET, outcome};

const CHECKS: [&str; 11] =
    ["settings", "secret", "database", "migrations", "pool", "restrictions", "jwks", "clock", "cors", "proxy", "hash"];

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
    assert!(found("pool").contains("the database takes 200"), "{report}");
    assert!(found("migrations").contains("all 2 steps"), "{report}");
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
    assert!(lines[1].starts_with("fail secret ") && lines[1].contains(". To do: set BETTER_AUTH_SECRET"), "{text}");
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
    let table: [(Variables<'_>, &str, &str, &str); 19] = [
        (&[("BETTER_AUTH_SECRET", "")], "secret", "is missing", "openssl rand"),
        (&[("BETTER_AUTH_SECRET", "hunter2")], "secret", "at least 32 characters", "openssl rand"),
        (&[("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890")], "secret", "a known example", "random"),
        (&[("PORT", "hunter2")], "settings", "server.port (from PORT in the environment)", "default.toml"),
        (&[("TASKBRIDGE__SERVER__PROT", "1")], "settings", "unknown key", "did you mean server.port?"),
        (&[("BETTER_AUTH_URL", "https://app.test")], "settings", "AUTH_MODE must be", "default.toml"),
        (&[("BETTER_AUTH_TRUSTED_ORIGINS", "*")], "cors", "every site there is", "default.toml"),
        (&[("TRUSTED_PROXIES", "10.0.0.0/33")], "proxy", "addresses or networks", "default.toml"),
        (&[("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "31")], "hash", "from 10 to 16", "default.toml"),
        (&[("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1001")], "pool", "from 0 to 1000", "default.toml"),
        (&[("DATABASE_URL", "mysql://root:hunter2@localhost/db")], "database", "must be sqlite://", "default.toml"),
        (&[("DATABASE_URL", "sqlite://notes.db")], "database", "no SQLite database", "another file"),
        (&[("DATABASE_URL", "sqlite://folder.db")], "database", "cannot be read", "let the user"),
        (&[("DATABASE_URL", &refused)], "database", "Connection refused", "see that the database runs"),
        (&[("DATABASE_URL", &absent)], "database", "does not exist", "create it"),
        (&[("DATABASE_URL", &standby)], "database", "nothing can be written", "primary"),
        (&[empty, ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "300")], "pool", "takes 200", "lower database.max"),
        (&[empty, ("TASKBRIDGE__DATABASE__MIGRATE", "off")], "migrations", "to come", "run: taskbridge migrate up"),
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
        tells(&report, "settings", file, "mend the file");
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
    tells(&report, "migrations", "m20261121_000001_better_auth, m20261121_000002_tasks to come", "at its start");
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
        (&[("DATABASE_URL", &url)], "migrations", "to come", "taskbridge migrate up"),
    ];
    for (variables, name, found, advice) in table {
        let (code, report) = doctor(folder.path(), variables);
        assert_eq!((code, &check(&report, name)["state"]), (Some(0), &Value::from("warn")), "{report}");
        tells(&report, name, found, advice);
    }
    let (_, report) = doctor(folder.path(), &[("DATABASE_URL", &limited)]);
    assert!(check(&report, "pool")["found"].as_str().unwrap().contains("takes 40,"), "{report}");
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
    assert!(check(&report, "migrations")["found"].as_str().unwrap().contains("all 2 steps"), "{report}");
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
    // Others may read the folder, and a sticky one keeps files from being replaced.
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
    assert!(found(&report).contains("the first token makes one"), "{report}");
    support::User::sign_up(&server, "ann").await;
    let (code, report) = doctor(server.folder(), &settings);
    assert_eq!(code, Some(0), "{report}");
    assert!(found(&report).contains("signs, with EdDSA"), "{report}");
    let other = ("BETTER_AUTH_SECRET", "another-end-to-end-secret-not-for-production-01");
    let (code, report) = doctor(server.folder(), &[&settings[..], &[other]].concat());
    assert_eq!((code, &check(&report, "jwks")["state"]), (Some(0), &Value::from("warn")), "{report}");
    tells(&report, "jwks", "encrypted with another secret", "BETTER_AUTH_SECRETS");
}
