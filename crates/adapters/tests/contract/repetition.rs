//! Tests of repeating writes that PostgreSQL rejects.

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaTaskRepo, Store};
use taskbridge_domain::ports::{CreateError, IdentityRepo, OwnedRepo, StoreError, TaskRepo};
use taskbridge_domain::tasks::TaskFilter;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};

use crate::databases::{Backend, test_on};

// The tests connect to PostgreSQL directly, and through a pooler, where statements are unnamed.
test_on!(
    [Postgres, UndeclaredPgbouncer],
    [a_write_is_repeated_only_if_it_certainly_had_no_effect, a_transaction_is_repeated_as_a_whole,]
);

/// Causes the first `times` insertions into the table to fail with the SQLSTATE `state`. A sequence counts the
/// insertions, because a rollback does not reset it.
async fn fail(store: &Store, table: &str, state: &str, times: u32) {
    let script = format!(
        r#"drop sequence if exists attempts; create sequence attempts;
        create or replace function fail() returns trigger language plpgsql as $$ begin
          if nextval('attempts') <= {times} then raise exception using errcode = '{state}', message = 'as asked'; end if;
          return new;
        end $$;
        create or replace trigger fail before insert on "{table}" for each row execute function fail();"#
    );
    store.dedicated().await.unwrap().execute_unprepared(&script).await.unwrap();
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Inserted,
    Unavailable,
    Unknown,
    Corrupt,
}

async fn a_write_is_repeated_only_if_it_certainly_had_no_effect(postgres: Backend) {
    let store = postgres.store().await;
    SeaIdentityRepo(store.clone()).register(&registration("ann")).await.unwrap();
    let (tasks, ann) = (SeaTaskRepo::new(store.clone()), owner("ann").await);
    let mut expected_count = 0;
    for (state, times, outcome) in [
        // Errors after which the insertion is repeated: serialization failure, deadlock, read-only transaction, and a
        // PostgreSQL server that is starting.
        ("40001", 1, Outcome::Inserted),
        ("40P01", 1, Outcome::Inserted),
        ("25006", 1, Outcome::Inserted),
        ("57P03", 1, Outcome::Inserted),
        // The insertion is repeated, but the repetition fails as well.
        ("40001", 2, Outcome::Unavailable),
        ("25006", 2, Outcome::Unavailable),
        // Errors after which the insertion is not repeated, because its outcome is unknown: shutdown, crash, and broken
        // connections.
        ("57P01", 1, Outcome::Unknown),
        ("57P02", 1, Outcome::Unknown),
        ("08006", 1, Outcome::Unknown),
        ("08P01", 1, Outcome::Unknown),
        // Errors after which the insertion is not repeated, although it had no effect: cancelled statement, full disk,
        // and a violated `not null` constraint.
        ("57014", 1, Outcome::Unavailable),
        ("53100", 1, Outcome::Unavailable),
        ("23502", 1, Outcome::Corrupt),
    ] {
        fail(&store, "tasks", state, times).await;
        let found = match tasks.create(&ann, new_task(), moment()).await {
            Ok(_) => Outcome::Inserted,
            Err(CreateError::Store(StoreError::Unavailable(_))) => Outcome::Unavailable,
            Err(CreateError::Store(StoreError::OutcomeUnknown(_))) => Outcome::Unknown,
            Err(CreateError::Store(StoreError::Corrupt(_))) => Outcome::Corrupt,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found, outcome, "{state}");
        expected_count += u64::from(outcome == Outcome::Inserted);
        assert_eq!(tasks.count(&ann, &TaskFilter::default()).await.unwrap(), expected_count, "{state}");
    }
}

async fn a_transaction_is_repeated_as_a_whole(postgres: Backend) {
    let store = postgres.store().await;
    let identity = SeaIdentityRepo(store.clone());
    for (number, state) in ["40001", "40P01", "25006", "57P01"].into_iter().enumerate() {
        fail(&store, "session", state, 1).await;
        let given = registration(&format!("user{number}"));
        identity.register(&given).await.unwrap();
        assert_eq!(identity.list_accounts(&given.user.id, 9).await.unwrap().len(), 1);
    }
    fail(&store, "session", "40001", 2).await;
    let refused = registration("refused");
    assert!(identity.register(&refused).await.is_err());
    assert!(identity.find_credential(&refused.user.email).await.unwrap().is_none());
}
