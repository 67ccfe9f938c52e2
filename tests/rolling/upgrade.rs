//! The replicas of one release are replaced by those of the other, and back, while clients work.

use reqwest::StatusCode;
use serde_json::Value;
use support::postgres::{fresh_database, fresh_database_behind_pgbouncer};
use support::{Database, Peer};

use crate::load::Load;
use crate::releases::{present, previous};
use crate::replicas::{Replica, Replicas};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_are_upgraded_one_by_one_and_rolled_back() {
    roll(&fresh_database(), "EdDSA").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_behind_a_pooler_are_upgraded_one_by_one_and_rolled_back() {
    roll(&fresh_database_behind_pgbouncer(), "HS256").await;
}

async fn roll(url: &str, algorithm: &str) {
    let replicas = Replicas::none();
    let [old, new] = [previous, present].map(|start| move || start(url, algorithm));
    let (first, second) = (replicas.add(old), replicas.add(old));
    let mut load = Load::start(&replicas).await;
    load.advance().await;

    // Migrates while the others write.
    let third = replicas.add(new);
    load.advance().await;
    assert_accept_each_other("during-upgrade", &first.replica, &third.replica).await;
    replicas.stop(first);
    load.advance().await;
    replicas.stop(second);
    load.advance().await;

    // The previous release starts on the new schema, and serves alone.
    let fourth = replicas.add(old);
    load.advance().await;
    assert_accept_each_other("during-rollback", &fourth.replica, &third.replica).await;
    replicas.stop(third);
    load.advance().await;

    let fifth = replicas.add(new);
    load.advance().await;
    replicas.stop(fourth);
    load.advance().await;
    println!("rolling upgrade, {algorithm}: {}", load.finish().await);
    replicas.stop(fifth);
}

/// The only replica is replaced. Meanwhile, the clients wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_sqlite_is_upgraded_and_rolled_back() {
    let database = Database::sqlite();
    let url = database.url.as_str();
    let replicas = Replicas::none();
    let [old, new] = [previous, present].map(|start| move || start(url, "EdDSA"));
    let mut running = replicas.add(old);
    let mut load = Load::start(&replicas).await;
    load.advance().await;
    for is_new in [true, false, true] {
        replicas.stop(running);
        running = if is_new { replicas.add(new) } else { replicas.add(old) };
        load.advance().await;
    }
    println!("upgrade on SQLite: {}", load.finish().await);
    replicas.stop(running);
}

/// Asserts that each replica accepts the sessions and access tokens of the other, and publishes the same keys.
async fn assert_accept_each_other(name: &str, old: &Replica, new: &Replica) {
    let [old, new] = [("old", old), ("new", new)].map(|(which, replica)| Peer::at(which, &replica.base));
    for (issuer, other) in [(&old, &new), (&new, &old)] {
        let session = issuer.sign_up(name).await;
        assert_eq!(other.get_session(&session.cookie).await["user"], session.user);
        assert_eq!(other.get_as_bearer("/get-session", &session.bearer).await.body["user"], session.user);
        let path = format!("/api/{}/tasks", session.user["id"].as_str().unwrap());
        for token in [issuer.jwt(&session.cookie).await, other.jwt(&session.cookie).await] {
            for peer in [issuer, other] {
                let list = reqwest::Client::new().get(format!("{}{path}", peer.base)).bearer_auth(&token).send().await;
                let list = list.unwrap();
                assert_eq!(list.status(), StatusCode::OK, "a token of {} at {}", issuer.name, peer.name);
                assert_eq!(list.json::<Value>().await.unwrap(), Value::Array(Vec::new()));
            }
        }
        assert_eq!(other.sign_in(&session.user, support::user::PASSWORD).await.user, session.user);
    }
    assert_eq!(old.get("/jwks", "").await.body, new.get("/jwks", "").await.body);
}
