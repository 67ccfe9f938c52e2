//! Roles and their privileges on PostgreSQL.

use serde_json::Value;
use support::Server;
use support::postgres::{fresh_database, psql};
use support::server::{migrations, outcome};

use super::{check, doctor, tells, with_state};

/// Privileges are checked before they are needed, and the report contains the commands that grant them.
#[test]
fn the_doctor_prints_the_commands_that_grant_missing_privileges() {
    let folder = tempfile::tempdir().unwrap();
    let url = fresh_database();
    let (server, name) = url.rsplit_once('/').unwrap();
    let role = format!("role_{name}");
    psql(&url, &format!("create role {role} login; revoke create on schema public from public"));
    let own = format!("{}/{name}", server.replace("//postgres:", &format!("//{role}:")));
    let look = || doctor(folder.path(), &[("DATABASE_URL", &own)]).1;
    // Runs the commands in the advice as the owner, and returns the finding.
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
    let created = "tables that will be created: user, session, account, verification, jwks";
    assert!(check(&report, "migrations")["found"].as_str().unwrap().contains(created), "{report}");

    // Another role owns a table that must be altered.
    psql(&url, "create table tasks (id serial primary key, user_id text not null, title text not null)");
    assert!(obey(&look()).contains("ownership of the table \"public\".\"tasks\", which belongs to \"postgres\""));
    assert_eq!(outcome(folder.path(), &["migrate", "up"], &[("DATABASE_URL", &own)]).0, Some(0));

    // One role has migrated, and another one serves.
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
    // Their columns exist, so that nothing must be altered.
    let (found, _) = obey();
    assert!(found.contains("references on the table \"public\".\"user\"") && !found.contains("ownership"), "{found}");
    assert_eq!(command(&["migrate", "up"], &web).0, Some(0));

    psql(&url, "drop table tasks, seaql_migrations; alter table jwks drop column alg");
    let (found, commands) = obey();
    assert!(found.contains("ownership of the table \"public\".\"jwks\", which belongs to"), "{found}");
    assert_eq!(commands, format!("grant \"{app}\" to \"{web}\""));
    assert_eq!(command(&["migrate", "up"], &web).0, Some(0));
    assert_eq!(psql(&of(&app), "select count(*) from session"), "0");
    psql(&url, "revoke usage on schema public from public");
    let (found, commands) = obey();
    assert_eq!(found, format!("the role \"{web}\" lacks usage on the schema \"public\""));
    assert_eq!(commands, format!("grant usage on schema \"public\" to \"{web}\""));
    assert_eq!(command(&["migrate", "status"], &web).0, Some(0));
}

/// One role migrates, and another one serves with the privileges that docs/database.md grants it.
#[tokio::test]
async fn the_documented_grants_are_all_that_a_server_needs() {
    let page = include_str!("../../../docs/database.md");
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
        &format!("pending, and ready to apply: {}", migrations(&[]).join(", ")),
        "run: taskbridge migrate up",
    );
    let (code, message) = outcome(folder.path(), &["serve"], &variables);
    assert!(
        code == Some(1) && message.contains("run: taskbridge migrate up") && !message.contains("grant"),
        "{message}"
    );
}
