//! Better Auth's tables: their names, and what the doctor says about them.

use serde_json::Value;
use support::postgres::{dump, fresh_database, psql};
use support::server::outcome;
use support::{Server, User};

use super::{check, doctor, tells, with_state};
use crate::plan::{RENAMED, TWO_REQUIRED_COLUMNS, renamed};

/// Runs the doctor, which changes nothing, and returns its exit code and report.
fn look(url: &str, variables: &[(&str, &str)]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let before = dump(url);
    let looked = doctor(folder.path(), &[&[("DATABASE_URL", url)], variables].concat());
    assert_eq!(dump(url), before);
    looked
}

/// Returns what the doctor found and its advice, for each warning about the tables.
fn warnings(report: &Value) -> Vec<(&str, &str)> {
    let checks = report["checks"].as_array().unwrap().iter();
    let of_tables = checks.filter(|check| check["name"] == "tables" && check["state"] == "warn");
    of_tables.map(|check| (check["found"].as_str().unwrap(), check["advice"].as_str().unwrap())).collect()
}

#[test]
fn the_tables_and_their_additions_are_named() {
    let url = renamed("");
    let (code, report) = look(&url, &[]);
    assert_eq!(code, Some(0), "{report}");
    let found = check(&report, "tables")["found"].as_str().unwrap();
    assert!(found.contains(r#"user is "users", session is "sessions", account is "accounts""#), "{found}");
    assert!(found.contains("create the table "), "{found}");
    let warns = |part: &str, of_advice: &str| {
        warnings(&report).iter().any(|(found, advice)| found.contains(part) && advice.contains(of_advice))
    };
    assert!(warns("without a zone", "TZ=UTC"), "{report}");
    assert!(warns("has no index", r#"create index concurrently on "sessions" ("user_id")"#), "{report}");

    // With migrations off, the server would not start.
    let (code, report) = look(&url, &[("TASKBRIDGE__DATABASE__MIGRATE", "off")]);
    assert_eq!((code, with_state(&report, "fail")), (Some(1), vec!["migrations"]), "{report}");
    tells(&report, "migrations", "pending", "run: taskbridge migrate up");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]).0, Some(0));
    let (code, report) = look(&url, &[("TASKBRIDGE__DATABASE__MIGRATE", "off")]);
    assert_eq!(code, Some(0), "{report}");
    assert!(!check(&report, "tables")["found"].as_str().unwrap().contains("create"), "{report}");
}

#[test]
fn every_refusal_is_a_failure_of_its_own() {
    let url = renamed(TWO_REQUIRED_COLUMNS);
    let (code, report) = look(&url, &[]);
    assert_eq!((code, with_state(&report, "fail")), (Some(1), vec!["migrations", "migrations"]), "{report}");
    tells(&report, "tables", "user is", "AUTH_MODE=bridge");
}

/// Names and values with the characters that separate texts elsewhere.
#[test]
fn a_refusal_is_told_from_its_advice_whatever_the_names() {
    let url = renamed(r#"alter table sessions add column "a; b" text not null"#);
    let (_, report) = look(&url, &[]);
    let refused = check(&report, "migrations");
    assert!(refused["found"].as_str().unwrap().contains(r#"column "a; b": "#), "{report}");
    assert!(refused["advice"].as_str().unwrap().starts_with("run: alter table "), "{report}");
}

/// Releases before the recognition of names created a second, empty set of tables.
#[test]
fn an_empty_second_set_of_tables_is_reported_with_the_statements_that_drop_it() {
    let url = fresh_database();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]).0, Some(0));
    psql(&url, RENAMED);
    let (_, report) = look(&url, &[]);
    let found = check(&report, "tables")["found"].as_str().unwrap();
    assert!(found.contains(r#"user is "users""#), "{report}");
    // The table of tasks belongs to the empty set.
    let advice = check(&report, "migrations")["advice"].as_str().unwrap();
    psql(&url, advice.split_once("run: ").unwrap().1.split_once(", or use ").unwrap().0);
    let warnings = warnings(&report);
    let second = warnings.iter().filter(|(_, advice)| advice.contains("drop table")).collect::<Vec<_>>();
    assert!(!second.is_empty(), "{report}");
    for (_, advice) in second {
        psql(&url, advice.split_once("run: ").unwrap().1);
    }
    let (_, report) = look(&url, &[]);
    assert!(!report.to_string().contains("drop table"), "{report}");
    let tables = "select count(*) from pg_tables where tablename in ('user', 'session', 'account')";
    assert_eq!(psql(&url, tables), "0");
}

#[tokio::test]
async fn the_keys_are_read_from_the_renamed_table() {
    let url = renamed(
        "create table jwkss (id text primary key, public_key text not null, private_key text not null, \
         created_at timestamp not null, expires_at timestamp, alg text, crv text)",
    );
    let settings = [("DATABASE_URL", url.as_str()), ("JWT_ALGORITHM", "EdDSA")];
    let server = Server::start_with(&settings);
    User::sign_up(&server, "ann").await;
    let (_, report) = doctor(server.folder(), &settings);
    assert!(check(&report, "jwks")["found"].as_str().unwrap().ends_with(" signs, with EdDSA"), "{report}");
    assert!(check(&report, "tables")["found"].as_str().unwrap().contains(r#"jwks is "jwkss""#), "{report}");
    assert_eq!(psql(&url, "select count(*) from jwkss"), "1");
}

/// With row-level security, a role that is not the owner finds no rows, without an error.
#[test]
fn hidden_rows_are_reported() {
    let url = renamed("");
    let (server, name) = url.rsplit_once('/').unwrap();
    psql(&url, &format!("create role web_{name} login; grant all on schema public to web_{name}"));
    psql(
        &url,
        &format!("grant all on all tables in schema public to web_{name}; alter table users enable row level security"),
    );
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//web_{name}:")));
    let (_, report) = doctor(tempfile::tempdir().unwrap().path(), &[("DATABASE_URL", &own)]);
    let warnings = warnings(&report);
    assert!(
        warnings.iter().any(|(found, _)| found.contains("row-level security") && found.contains("users")),
        "{report}"
    );
}

#[test]
fn a_wrong_name_of_a_table_is_a_failure_of_the_check_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let (code, report) = doctor(folder.path(), &[("DATABASE_URL", &url), ("TASKBRIDGE__AUTH__TABLES__MEMBERS", "x")]);
    assert_eq!((code, with_state(&report, "fail")), (Some(1), vec!["tables"]), "{report}");
    tells(
        &report,
        "tables",
        "auth.tables.members (from TASKBRIDGE__AUTH__TABLES__MEMBERS",
        "Better Auth has user, session",
    );
}

/// The ledger alone does not show that the table of the tasks exists.
#[test]
fn a_table_that_is_gone_is_a_failure_of_the_doctor_and_of_the_start() {
    let url = fresh_database();
    let folder = tempfile::tempdir().unwrap();
    let up = || outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &url)]);
    assert_eq!(up().0, Some(0));
    psql(&url, "alter table tasks rename to tasks_of_monday");
    for migrate in ["on", "off"] {
        let (code, report) = look(&url, &[("TASKBRIDGE__DATABASE__MIGRATE", migrate)]);
        assert_eq!((code, with_state(&report, "fail")), (Some(1), vec!["migrations"]), "{report}");
        tells(&report, "migrations", r#"table "tasks": is missing, although m2"#, "restore it from a backup");
        assert_eq!(check(&report, "tasks")["state"], "skip", "{report}");
        assert!(
            !report.to_string().contains("tasks import") && !report.to_string().contains("AUTH_MODE=bridge"),
            "{report}"
        );
    }
    let (code, text) = up();
    assert!(code == Some(1) && text.contains(r#"table "tasks": is missing"#), "{text}");

    // Statements find the table in any schema of the search path.
    let (_, database) = url.rsplit_once('/').unwrap();
    psql(&url, "alter table tasks_of_monday rename to tasks; create schema other; alter table tasks set schema other");
    psql(&url, &format!("alter database {database} set search_path = public, other"));
    let (_, report) = look(&url, &[]);
    assert_eq!(check(&report, "migrations")["state"], "ok", "{report}");
}
