//! A real Better Auth as the issuer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::better_auth::BetterAuth;

use crate::site::Site;

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// Tokens with each of its algorithms except ES512 are accepted, also after it has rotated its key.
#[tokio::test]
async fn tokens_of_a_real_better_auth_are_good_and_its_new_keys_are_followed() {
    for algorithm in ["EdDSA", "ES256", "RS256", "PS256"] {
        let better_auth = BetterAuth::start(algorithm);
        let (id, cookie) = better_auth.sign_up().await;
        let old = better_auth.token(&cookie).await;
        let site = Site::start(&better_auth.url, &[]);
        let tasks = site.server.url(&format!("/api/{id}/tasks"));
        let http = Client::new();
        assert_eq!(header(&old)["alg"], algorithm);
        let added = http.post(&tasks).bearer_auth(&old).json(&json!({ "title": "Buy milk" })).send().await.unwrap();
        assert_eq!(added.status(), StatusCode::CREATED, "{algorithm}: {}", site.log());
        let task: Value = added.json().await.unwrap();
        assert_eq!(task["user_id"], json!(id));

        better_auth.retire_keys().await;
        let new = better_auth.token(&cookie).await;
        assert_ne!(header(&new)["kid"], header(&old)["kid"]);
        for token in [&old, &new] {
            site_accepts(&http, &tasks, token, &task).await;
        }
        let elsewhere = http.get(site.server.url("/api/somebody/tasks")).bearer_auth(&new).send().await.unwrap();
        assert_eq!(elsewhere.status(), StatusCode::FORBIDDEN);
        let (unsigned, signature) = new.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let forged = http.get(&tasks).bearer_auth(format!("{unsigned}.{first}{}", &signature[1..])).send();
        assert_eq!(forged.await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

async fn site_accepts(http: &Client, tasks: &str, token: &str, task: &Value) {
    let list = http.get(tasks).bearer_auth(token).send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK, "{}", header(token));
    assert_eq!(list.json::<Value>().await.unwrap(), json!([task]));
}

/// ES512 is rejected, and the log says which algorithm to choose instead.
#[tokio::test]
async fn es512_of_a_real_better_auth_is_refused_with_a_clear_line() {
    let better_auth = BetterAuth::start("ES512");
    let (id, cookie) = better_auth.sign_up().await;
    let token = better_auth.token(&cookie).await;
    let site = Site::start(&better_auth.url, &[]);
    let list = Client::new().get(site.server.url(&format!("/api/{id}/tasks"))).bearer_auth(&token).send().await;
    assert_eq!(list.unwrap().status(), StatusCode::UNAUTHORIZED);
    let log = site.log();
    assert!(log.contains(r#"algorithm \"ES512\" is not enabled"#) && log.contains("keyPairConfig"), "{log}");
}
