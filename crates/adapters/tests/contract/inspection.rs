//! Tests of the information about a database that is shown to the operator.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::{Inspection, PostgresFacts, Store, inspect};

use crate::databases::{Backend, config, test_on, variable};

test_on!([Postgres], [limits_of_a_server_are_reported_and_a_pooler_is_detected, limits_of_the_role_are_considered,]);

const LIMIT: Duration = Duration::from_secs(10);

async fn facts_of(url: &str) -> PostgresFacts {
    match inspect(&config(url), LIMIT).await.unwrap() {
        Inspection::Postgres(facts) => facts,
        Inspection::Sqlite(facts) => panic!("{facts:?}"),
    }
}

async fn limits_of_a_server_are_reported_and_a_pooler_is_detected(postgres: Backend) {
    let (direct, _) = postgres.new_database().await;
    let facts = facts_of(&direct).await;
    assert!(
        facts.version_number >= 140_000
            && facts.version.starts_with(&format!("PostgreSQL {}", facts.version_number / 10_000))
    );
    assert_eq!(facts.schema.as_deref(), Some("public"));
    assert!(facts.is_proved_direct && !facts.shares_processes && !facts.is_read_only);
    // The tests connect as a superuser. It may use the reserved connections, so their number is reported as 0.
    assert_eq!((facts.limits.max, facts.limits.reserved), (200, 0));

    let name = direct.rsplit_once('/').unwrap().1;
    let pooled = format!("{}/{name}", variable("TASKBRIDGE_TEST_PGBOUNCER"));
    let facts = facts_of(&format!("{pooled}?pgbouncer=true")).await;
    assert!(!facts.is_proved_direct);
    assert_eq!(facts.limits.max, 200);
    assert!(!facts_of(&pooled).await.is_proved_direct);
    let with_option = inspect(&config(&format!("{pooled}?options=-cgeqo%3Doff")), LIMIT).await.unwrap_err();
    assert!(with_option.found.starts_with("a pooler refused a parameter"), "{with_option}");
}

async fn limits_of_the_role_are_considered(postgres: Backend) {
    let (url, _) = postgres.new_database().await;
    let admin = Store::open(&config(&url)).await.unwrap().dedicated().await.unwrap();
    let role = format!("common_{}", std::process::id());
    admin.execute_unprepared(&format!("create role {role} login")).await.unwrap();
    let theirs = url.replace("postgres@", &format!("{role}@"));
    let limits = facts_of(&theirs).await.limits;
    assert_eq!(limits.max, 200);
    assert!(limits.reserved >= 3 && limits.in_use >= 1, "{limits:?}");
    assert_eq!(limits.usable(), 200 - limits.reserved);
    admin.execute_unprepared(&format!("alter role {role} connection limit 7")).await.unwrap();
    assert_eq!(facts_of(&theirs).await.limits.max, 7);
    admin.execute_unprepared(&format!("drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn a_file_is_examined_and_never_created() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/x.db");
    let config = config(&format!("sqlite://{}", file.display()));
    let facts = || async {
        match inspect(&config, LIMIT).await.unwrap() {
            Inspection::Sqlite(facts) => facts,
            Inspection::Postgres(facts) => panic!("{facts:?}"),
        }
    };
    let absent = facts().await;
    assert!(!absent.exists && absent.unwritable.is_none());
    assert!(Store::open_to_read(&config).await.is_err());
    assert!(!folder.path().join("new").exists());

    Store::open(&config).await.unwrap().close().await;
    let made = facts().await;
    assert!(made.exists && made.is_wal);
    let reader = Store::open_to_read(&config).await.unwrap();
    let written = reader.dedicated().await.unwrap().execute_unprepared("create table x (y integer)").await;
    assert!(written.is_err());
    reader.close().await;
    assert_eq!(std::fs::read_dir(folder.path().join("new")).unwrap().count(), 1);

    std::fs::write(&file, "hunter2").unwrap();
    let problem = inspect(&config, LIMIT).await.unwrap_err();
    assert!(problem.found.ends_with("is not a SQLite database"), "{problem}");
}
