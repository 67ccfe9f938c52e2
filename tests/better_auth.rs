//! The official clients of Better Auth against Taskbridge.

use serde_json::{Value, json};
use support::Server;
use support::better_auth::{BetterAuth, run};
use support::compatibility::{Column, endpoint, is_on_the_page};

/// Runs the same calls of `better-auth/client` with its JWT plugin, and of the session store of `better-auth/react`,
/// against Better Auth and Taskbridge.
#[tokio::test]
async fn the_official_clients_cannot_tell_who_answers() {
    let theirs = BetterAuth::start("EdDSA");
    let ours = Server::start_with(&[("JWT_ALGORITHM", "EdDSA"), ("TASKBRIDGE__AUTH__DELETE_USER", "on")]);
    let [theirs, ours] = [&theirs.url, &ours.origin].map(|url| run("client.mjs", &[("AUTH", url)]));
    assert_eq!(ours["requests"], theirs["requests"]);
    let requests = ours["requests"].as_array().unwrap().iter().map(|request| request.as_str().unwrap());
    let compared =
        requests.map(|request| request.split_once(' ').unwrap()).map(|(method, path)| endpoint(method, path));
    is_on_the_page(Column::Client, &compared.map(|endpoint| (endpoint, "yes".into())).collect());
    let [theirs, ours] = [theirs, ours].map(|calls| calls["report"].as_array().unwrap().clone());
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
