//! A real Better Auth, and its clients. (Q2, R4-R7)

use serde_json::{Value, json};
use support::better_auth::{BetterAuth, run};
use support::postgres::fresh_database;
use support::server::SECRET;
use support::{Server, User};

/// Its own schema check finds nothing to change, it starts, and it knows a session of ours by its cookie.
#[tokio::test]
async fn a_real_better_auth_takes_over_a_database_of_ours() {
    let url = fresh_database();
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let ann = User::sign_up(&server, "ann").await;
    let said = run(
        "adopt.mjs",
        &[
            ("DATABASE_URL", &url),
            ("BETTER_AUTH_URL", &server.origin),
            ("BETTER_AUTH_SECRET", SECRET),
            ("COOKIE", &ann.cookie),
        ],
    );
    assert_eq!((&said["toBeCreated"], &said["toBeAdded"]), (&json!([]), &json!([])));
    assert_eq!(said["status"], 200);
    assert_eq!(said["session"]["user"]["id"], json!(ann.id));
    assert_eq!(said["session"]["user"]["email"], json!(ann.email));
    assert_eq!(said["session"]["session"]["token"], json!(ann.session));
}

/// `better-auth/client` with its JWT plugin, and the store of sessions of `better-auth/react`: the same calls to both.
#[tokio::test]
async fn the_official_clients_cannot_tell_who_answers() {
    let theirs = BetterAuth::start("EdDSA");
    let ours = Server::start_with(&[("JWT_ALGORITHM", "EdDSA"), ("TASKBRIDGE__AUTH__DELETE_USER", "on")]);
    let [theirs, ours] = [&theirs.url, &ours.origin].map(|url| run("client.mjs", &[("AUTH", url)]));
    let [theirs, ours] = [theirs, ours].map(|calls| calls.as_array().unwrap().clone());
    assert_eq!(theirs.len(), 64);
    for (theirs, ours) in theirs.iter().zip(&ours) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
    let answer = |name: &str| ours.iter().find(|call| call["name"] == name).map(|call| &call["answer"]);
    let email = |name: &str| answer(name).map(|answer| &answer["data"]["user"]["email"]);
    assert_eq!(email("the session"), Some(&json!("ada@example.com")));
    assert_eq!(email("the store, signed in"), Some(&json!("grace@example.com")));
    assert_eq!(answer("none is left").map(|answer| &answer["data"]), Some(&Value::Null));
}
