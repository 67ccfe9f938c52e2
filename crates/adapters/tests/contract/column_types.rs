//! Tests on PostgreSQL tables whose columns have other types than those that Taskbridge creates.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaTaskRepo};
use taskbridge_domain::ports::{IdentityRepo, OwnedRepo, SessionRepo, TaskRepo};
use taskbridge_domain::tasks::{FieldUpdate, PageStart, SortKey, TaskOrder, TaskPatch, TaskQuery};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_domain::users::Email;

use crate::databases::{Backend, test_on};

test_on!(
    [Postgres, UndeclaredPgbouncer],
    [
        each_value_is_written_and_read_by_the_type_of_its_column,
        an_unsupported_type_is_an_error,
        the_repositories_work_on_tables_of_other_types,
    ]
);

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Returns column types, each with a value that is written and the value that is read back.
fn cases() -> Vec<(&'static str, Value, Value)> {
    let utc = time("2026-11-29T12:34:56.123456Z");
    vec![
        ("text", "é' \\ \u{1f600}".into(), "é' \\ \u{1f600}".into()),
        ("varchar(200)", "x".into(), "x".into()),
        ("char(3)", "x".into(), "x  ".into()),
        ("uuid", UUID.into(), UUID.into()),
        ("uuid", UUID.to_uppercase().into(), UUID.into()),
        ("boolean", true.into(), true.into()),
        ("smallint", 7_i64.into(), 7_i64.into()),
        ("integer", i64::from(i32::MIN).into(), i64::from(i32::MIN).into()),
        ("bigint", i64::MAX.into(), i64::MAX.into()),
        ("bigint", 7_u64.into(), 7_i64.into()),
        ("timestamptz", utc.into(), utc.into()),
        ("timestamp", utc.into(), utc.into()),
        ("timestamp(3)", utc.into(), time("2026-11-29T12:34:56.123Z").into()),
        ("timestamptz(0)", time("1969-12-31T23:59:59.9Z").into(), time("1970-01-01T00:00:00Z").into()),
        ("text", None::<String>.into(), None::<String>.into()),
        ("uuid", None::<String>.into(), None::<String>.into()),
        ("integer", None::<i64>.into(), None::<i64>.into()),
        ("boolean", None::<bool>.into(), None::<bool>.into()),
        ("timestamp", None::<DateTime<Utc>>.into(), None::<DateTime<Utc>>.into()),
    ]
}

async fn each_value_is_written_and_read_by_the_type_of_its_column(postgres: Backend) {
    let store = postgres.store().await;
    let connection = store.dedicated().await.unwrap();
    // The session gets another time zone, which must have no effect on times without a zone.
    connection.execute_unprepared("begin; set local time zone 'Asia/Tokyo'").await.unwrap();
    for (number, (data_type, written, expected)) in cases().into_iter().enumerate() {
        let create = format!("create temporary table t{number} (value {data_type}) on commit drop");
        connection.execute_unprepared(&create).await.unwrap();
        let insert = format!("insert into t{number} (value) values ($1) returning value");
        let insert = Statement::from_sql_and_values(DbBackend::Postgres, insert, [written]);
        let row = connection.query_one_raw(insert).await.unwrap().unwrap();
        assert_eq!(row.try_as_proxy_row().unwrap().values["value"], expected, "{data_type}");
    }
    connection.execute_unprepared("rollback").await.unwrap();
}

async fn an_unsupported_type_is_an_error(postgres: Backend) {
    let store = postgres.store().await;
    let connection = store.dedicated().await.unwrap();
    for (sql, words) in [
        ("select 1.5::float8 as value", "float8"),
        ("select array[1] as value", "int4"),
        ("select 'infinity'::timestamptz as value", "cannot be read"),
    ] {
        let error = connection.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A script that changes the columns to types that other tools use.
const OTHER_TYPES: &str = r#"
create extension citext;
create type provider as enum ('credential', 'github');
alter table "session" drop constraint "session_userId_fkey";
alter table "account" drop constraint "account_userId_fkey";
alter table "tasks" drop constraint "tasks_user_id_fkey";
alter table "user" alter "id" type uuid using "id"::uuid, alter "email" type citext,
  alter "createdAt" type timestamp, alter "updatedAt" type timestamp(3);
alter table "session" alter "userId" type uuid using "userId"::uuid, alter "expiresAt" type timestamp,
  alter "createdAt" type timestamp, alter "updatedAt" type timestamp;
alter table "account" alter "userId" type uuid using "userId"::uuid,
  alter "providerId" type provider using "providerId"::provider, alter "createdAt" type timestamp;
drop index "tasks_user_id_created_at_id_idx";
alter table "tasks" alter "id" type integer, alter "user_id" type uuid using "user_id"::uuid,
  alter "title" type varchar(200), alter "description" type varchar(1000),
  alter "created_at" type timestamp, alter "updated_at" type timestamp;
alter table "session" add foreign key ("userId") references "user" ("id");
alter table "tasks" add foreign key ("user_id") references "user" ("id");"#;

async fn the_repositories_work_on_tables_of_other_types(postgres: Backend) {
    let store = postgres.store().await;
    store.dedicated().await.unwrap().execute_unprepared(OTHER_TYPES).await.unwrap();
    let (identity, sessions) = (SeaIdentityRepo(store.clone()), SeaSessionRepo(store.clone()));
    let given = registration(UUID);
    identity.register(&given).await.unwrap();
    let found = identity.find_credential(&given.user.email).await.unwrap().unwrap();
    assert_eq!((found.user, found.password.as_ref()), (given.user.clone(), Some(&given.password)));
    let other_case = Email::from_stored(given.user.email.as_str().to_uppercase());
    assert!(identity.find_credential(&other_case).await.unwrap().is_some(), "citext");
    assert_eq!(identity.list_accounts(&given.user.id, 9).await.unwrap()[0].provider_id, "credential");
    let opened = given.session.as_ref().unwrap();
    let (session, user) = sessions.find(&opened.token).await.unwrap().unwrap();
    assert_eq!((&session, &user), (opened, &given.user));

    let (tasks, owner) = (SeaTaskRepo::new(store.clone()), owner(UUID).await);
    let added = tasks.create(&owner, new_task(), moment()).await.unwrap();
    assert_eq!(tasks.find(&owner, added.id).await.unwrap(), Some(added.clone()));
    let patch = TaskPatch { description: FieldUpdate::Clear, ..TaskPatch::default() };
    let changed = tasks.update(&owner, added.id, patch, moment()).await.unwrap().unwrap();
    assert_eq!((changed.description, changed.title), (None, added.title));
    let toggled = tasks.toggle(&owner, added.id, moment()).await.unwrap().unwrap();
    assert!(toggled.updated_at > changed.updated_at);
    for key in [SortKey::CreatedAt, SortKey::UpdatedAt] {
        let start = PageStart::Offset(TaskOrder::by(key), 0);
        let list = tasks.list(&owner, &TaskQuery { start, ..TaskQuery::default() }).await.unwrap();
        assert_eq!(list.items, std::slice::from_ref(&toggled));
    }
    assert_eq!(tasks.count(&owner, &TaskQuery::default().filter).await.unwrap(), 1);
    assert!(tasks.delete(&owner, added.id).await.unwrap());
}
