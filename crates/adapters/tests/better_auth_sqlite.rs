//! A SQLite database that a real Better Auth made and filled is read right, and what we write into it has the form
//! that Better Auth writes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use sea_orm::ConnectionTrait;
use serde_json::Value;
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::{IdentityRepo, TaskRepo};
use taskbridge_domain::session::SessionToken;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_domain::user::Email;
use taskbridge_migrations::Migrator;
use taskbridge_migrations::sea_orm_migration::MigratorTrait;

const DUMP: &str = include_str!("../../../tests/vectors/sqlite.sql");
const USERS: &str = include_str!("../../../tests/vectors/sqlite-users.json");

async fn adopted() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("adopted.db").display());
    let config = StoreConfig { url, max_connections: 2, acquire_timeout: Duration::from_secs(10) };
    // On a connection of its own: the dump switches foreign keys off.
    let dump = Store::open(&config).await.unwrap();
    dump.connection().execute_unprepared(DUMP).await.unwrap();
    dump.close().await.unwrap();
    let store = Store::open(&config).await.unwrap();
    Migrator::up(store.connection(), None).await.unwrap();
    (store, folder)
}

#[tokio::test]
async fn users_and_sessions_of_better_auth_are_read_as_they_are() {
    let (store, _folder) = adopted().await;
    let identity = SeaIdentityRepo::new(store);
    let users: Value = serde_json::from_str(USERS).unwrap();
    let mut read = 0;
    for user in users["users"].as_array().unwrap() {
        let email = Email::parse(user["email"].as_str().unwrap()).unwrap();
        let credential = identity.credential(&email).await.unwrap().unwrap();
        assert_eq!(credential.user.id.as_str(), user["id"]);
        assert_eq!(credential.password.is_some(), user["password"].is_string(), "{user}");
        read += 1;
    }
    assert_eq!(read, 4);
    let (session, user) =
        identity.session(&SessionToken::new("fJSoqeMz4ON7dOmL1WajXS1vVbQA68M0".into())).await.unwrap().unwrap();
    assert_eq!(session.expires_at.to_string(), "2099-12-31T23:59:59.000Z");
    assert_eq!(session.created_at.to_string(), "2026-11-21T01:45:22.061Z");
    assert_eq!(session.client.ip_address, "192.0.2.1");
    assert_eq!(user.name.as_str(), "Alice Example");
    assert!(!user.email_verified);
    let carol = identity.credential(&Email::parse("carol@example.test").unwrap()).await.unwrap().unwrap();
    assert!(carol.user.email_verified);
}

#[tokio::test]
async fn what_we_write_has_better_auths_form() {
    let (store, _folder) = adopted().await;
    SeaIdentityRepo::new(store.clone()).register(&registration("ann")).await.unwrap();
    SeaTaskRepo::new(store.clone()).insert(&owner("ann").await, new_task(), moment()).await.unwrap();
    let ours = [
        (r#""createdAt" from "user" where "id" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""updatedAt" from "user" where "id" = 'ann'"#, "text 2026-11-21T01:45:03.001Z"),
        (r#""emailVerified" from "user" where "id" = 'ann'"#, "integer 1"),
        (r#""expiresAt" from "session" where "userId" = 'ann'"#, "text 2026-11-28T01:45:03.000Z"),
        (r#""updatedAt" from "session" where "userId" = 'ann'"#, "text 2026-11-21T01:45:03.002Z"),
        (r#""createdAt" from "account" where "userId" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""providerId" from "account" where "accountId" = 'ann'"#, "text credential"),
        (r#""created_at" from "tasks" where "user_id" = 'ann'"#, "text 2026-11-21T01:45:03.000Z"),
        (r#""completed" from "tasks" where "user_id" = 'ann'"#, "integer 1"),
    ];
    for (what, expected) in ours {
        let (column, rest) = what.split_once(' ').unwrap();
        let sql = format!("select typeof({column}) || ' ' || {column} as stored {rest}");
        let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Sqlite, sql);
        let row = store.connection().query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<String>("", "stored").unwrap(), expected, "{what}");
    }
}

#[tokio::test]
async fn tasks_go_with_their_user() {
    let (store, _folder) = adopted().await;
    SeaIdentityRepo::new(store.clone()).register(&registration("ann")).await.unwrap();
    let tasks = SeaTaskRepo::new(store.clone());
    let added = tasks.insert(&owner("ann").await, new_task(), moment()).await.unwrap();
    store.connection().execute_unprepared(r#"delete from "user" where "id" = 'ann'"#).await.unwrap();
    assert_eq!(tasks.find(&owner("ann").await, added.id).await.unwrap(), None);
}
