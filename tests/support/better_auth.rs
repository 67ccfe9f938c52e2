//! A real Better Auth, as npm has it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::server::SECRET;
use crate::user::PASSWORD;

/// Where its packages are, and the programs that use them.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/better-auth");

/// A Better Auth with its JWT and bearer plugins, in memory; it is killed when this is dropped.
#[derive(Debug)]
pub struct BetterAuth {
    process: Child,
    /// Where it is.
    pub url: String,
    http: Client,
}

impl BetterAuth {
    /// Starts one that signs tokens by this algorithm.
    #[must_use]
    pub fn start(algorithm: &str) -> Self {
        let mut process = Command::new("node")
            .arg("issuer.mjs")
            .current_dir(FOLDER)
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
    pub async fn sign_up(&self) -> (String, String) {
        let user = json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD });
        let request = self.http.post(format!("{}/api/auth/sign-up/email", self.url)).header("origin", &self.url);
        let response = request.json(&user).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        (body["user"]["id"].as_str().unwrap().to_owned(), cookie)
    }

    /// A token for a session.
    pub async fn token(&self, cookie: &str) -> String {
        let response = self.http.get(format!("{}/api/auth/token", self.url)).header("cookie", cookie).send().await;
        let body: Value = response.unwrap().json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// Lets its keys expire.
    pub async fn retire_keys(&self) {
        self.http.post(format!("{}/retire-keys", self.url)).send().await.unwrap();
    }
}

impl Drop for BetterAuth {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What one of the programs prints, as JSON.
#[must_use]
pub fn run(program: &str, variables: &[(&str, &str)]) -> Value {
    let mut node = Command::new("node");
    let output = node.arg(program).current_dir(FOLDER).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "run make test, which installs it: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
