//! A real Better Auth, as npm has it, in front of the real binary. (N3, N6, N12)

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use support::server::SECRET;
use support::user::PASSWORD;

use crate::site::Site;

/// A Better Auth with its JWT plugin; it is killed when this is dropped.
struct BetterAuth {
    process: Child,
    url: String,
    http: Client,
}

impl BetterAuth {
    fn start(algorithm: &str) -> Self {
        let mut process = Command::new("node")
            .arg("issuer.mjs")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/better-auth"))
            .envs([("ALG", algorithm), ("BETTER_AUTH_SECRET", SECRET)])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(!url.is_empty(), "run make test, which installs it");
        Self { process, url: url.trim().into(), http: Client::new() }
    }

    /// Signs somebody up: their id and session cookie.
    async fn sign_up(&self) -> (String, String) {
        let user = json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD });
        let request = self.http.post(format!("{}/api/auth/sign-up/email", self.url)).header("origin", &self.url);
        let response = request.json(&user).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        (body["user"]["id"].as_str().unwrap().to_owned(), cookie)
    }

    /// A token for a session.
    async fn token(&self, cookie: &str) -> String {
        let response = self.http.get(format!("{}/api/auth/token", self.url)).header("cookie", cookie).send().await;
        let body: Value = response.unwrap().json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    async fn retire_keys(&self) {
        self.http.post(format!("{}/retire-keys", self.url)).send().await.unwrap();
    }
}

impl Drop for BetterAuth {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// Each algorithm it offers but ES512: its tokens are good here, and stay so when it has made a new key.
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

/// Its ES512 is refused, and the log says what to choose instead.
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
