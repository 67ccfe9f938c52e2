//! Tests on databases that Better Auth created and filled. Taskbridge writes values in the same form as Better Auth.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaTaskRepo, Store};
use taskbridge_domain::ports::{IdentityRepo, OwnedRepo, SessionRepo};
use taskbridge_domain::sessions::SessionToken;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_domain::users::Email;

use crate::databases::{Backend, OnDatabase, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        users_and_sessions_of_better_auth_are_read,
        what_we_write_has_better_auths_form,
        tasks_are_deleted_with_their_user,
    ]
);

const SQLITE: &str = include_str!("../../../../tests/vectors/sqlite.sql");
const SQLITE_USERS: &str = include_str!("../../../../tests/vectors/sqlite-users.json");
const POSTGRES: &str = include_str!("../../../../tests/vectors/postgres.sql");
const POSTGRES_USERS: &str = include_str!("../../../../tests/vectors/postgres-users.json");

/// Returns a database that Better Auth filled, and a description of its users.
async fn adopted(backend: Backend) -> (OnDatabase<Store>, Value) {
    let (dump, users) = match backend {
        Backend::Sqlite => (SQLITE, SQLITE_USERS),
        _ => (POSTGRES, POSTGRES_USERS),
    };
    (backend.store_after(dump).await, serde_json::from_str(users).unwrap())
}

async fn users_and_sessions_of_better_auth_are_read(backend: Backend) {
    let (store, known) = adopted(backend).await;
    let identity = SeaIdentityRepo(store.clone());
    let users = known["users"].as_array().unwrap();
    assert_eq!(users.len(), 4);
    let mut sessions = 0;
    for user in users {
        let email = Email::parse(user["email"].as_str().unwrap()).unwrap();
        let credential = identity.find_credential(&email).await.unwrap().unwrap();
        assert_eq!(credential.user.id.as_str(), user["id"]);
        assert_eq!(credential.password.is_some(), user["password"].is_string(), "{user}");
        for row in user["sessions"].as_array().unwrap() {
            let token = SessionToken::new(row["token"].as_str().unwrap().into());
            let (session, of) = SeaSessionRepo(store.clone()).find(&token).await.unwrap().unwrap();
            assert_eq!(of, credential.user);
            let is_alive = row["state"].as_str().unwrap().starts_with("alive");
            assert_eq!(session.expires_at.to_string().starts_with("2099"), is_alive, "{row}");
            sessions += 1;
        }
    }
    assert_eq!(sessions, 5);
}

/// Executes a query for one row, and returns its column `stored`.
async fn stored(store: &Store, sql: &str) -> String {
    let connection = store.dedicated().await.unwrap();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    connection.query_one_raw(statement).await.unwrap().unwrap().try_get("", "stored").unwrap()
}

async fn what_we_write_has_better_auths_form(backend: Backend) {
    let (store, _) = adopted(backend).await;
    SeaIdentityRepo(store.clone()).register(&registration("ann")).await.unwrap();
    SeaTaskRepo::new(store.clone()).create(&owner("ann").await, new_task(), moment()).await.unwrap();
    if backend != Backend::Sqlite {
        let sql = r#"select to_char("updatedAt" at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') as stored
                     from "user" where "id" = 'ann'"#;
        assert_eq!(stored(&store, sql).await, "2026-11-21 01:45:03.001000", "milliseconds");
        return;
    }
    for (column, rest, expected) in [
        (r#""createdAt""#, r#"from "user" where "id" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""updatedAt""#, r#"from "user" where "id" = 'ann'"#, "text 2026-11-21T01:45:03.001Z"),
        (r#""emailVerified""#, r#"from "user" where "id" = 'ann'"#, "integer 1"),
        (r#""expiresAt""#, r#"from "session" where "userId" = 'ann'"#, "text 2026-11-28T01:45:03.000Z"),
        (r#""updatedAt""#, r#"from "session" where "userId" = 'ann'"#, "text 2026-11-21T01:45:03.002Z"),
        (r#""createdAt""#, r#"from "account" where "userId" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""providerId""#, r#"from "account" where "accountId" = 'ann'"#, "text credential"),
        (r#""created_at""#, r#"from "tasks" where "user_id" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""completed""#, r#"from "tasks" where "user_id" = 'ann'"#, "integer 1"),
    ] {
        let sql = format!("select typeof({column}) || ' ' || {column} as stored {rest}");
        assert_eq!(stored(&store, &sql).await, expected, "{column} {rest}");
    }
}

async fn tasks_are_deleted_with_their_user(backend: Backend) {
    let (store, _) = adopted(backend).await;
    SeaIdentityRepo(store.clone()).register(&registration("ann")).await.unwrap();
    let tasks = SeaTaskRepo::new(store.clone());
    let added = tasks.create(&owner("ann").await, new_task(), moment()).await.unwrap();
    store.dedicated().await.unwrap().execute_unprepared(r#"delete from "user" where "id" = 'ann'"#).await.unwrap();
    assert_eq!(tasks.find(&owner("ann").await, added.id).await.unwrap(), None);
}
