//! A real Better Auth, installed from npm.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::database::Database;
use crate::peer::APP;
use crate::server::SECRET;
use crate::user::PASSWORD;

/// The folder of its packages, and of the programs that use them.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/better-auth");

/// A running Node program. It is killed on drop.
#[derive(Debug)]
pub struct Program {
    process: Child,
    /// The line that it printed when it was ready.
    pub line: String,
}

/// A running Better Auth with its JWT and bearer plugins.
#[derive(Debug)]
pub struct BetterAuth {
    _program: Program,
    /// The base URL.
    pub url: String,
    /// The tables that it created.
    pub made: Vec<String>,
    http: Client,
}

impl BetterAuth {
    /// Starts one in memory that signs tokens with this algorithm.
    #[must_use]
    pub fn start(algorithm: &str) -> Self {
        Self::of(Program::start("issuer.mjs", &[("ALG", algorithm)]))
    }

    /// Starts one on a database, for [`APP`], with further environment variables.
    #[must_use]
    pub fn on(database: &Database, more: &[(&str, &str)]) -> Self {
        let variables = [("DATABASE_URL", database.url.as_str()), ("BETTER_AUTH_URL", APP)];
        let program = Program::start("server.mjs", &[&variables, more].concat());
        let told: Value = serde_json::from_str(&program.line).unwrap();
        let made = told["made"].as_array().unwrap().iter().map(|table| table.as_str().unwrap().into()).collect();
        Self { url: told["url"].as_str().unwrap().into(), made, ..Self::of(program) }
    }

    /// Starts the auth server of an app whose built files are in this folder, for [`APP`], with this database as
    /// `DATABASE_URL`.
    #[must_use]
    pub fn of_app(folder: &Path, database: &Database) -> Self {
        let root = folder.to_str().unwrap();
        let variables = [("ROOT", root), ("DATABASE_URL", &database.url), ("BETTER_AUTH_URL", APP)];
        Self::of(Program::start("app.mjs", &variables))
    }

    fn of(program: Program) -> Self {
        Self { url: program.line.clone(), made: Vec::new(), http: Client::new(), _program: program }
    }

    /// Signs a user up, and returns their id and session cookie.
    pub async fn sign_up(&self) -> (String, String) {
        let user = json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD });
        let request = self.http.post(format!("{}/api/auth/sign-up/email", self.url)).header("origin", &self.url);
        let response = request.json(&user).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let body: Value = response.json().await.unwrap();
        (body["user"]["id"].as_str().unwrap().to_owned(), cookie)
    }

    /// Returns an access token for a session.
    pub async fn token(&self, cookie: &str) -> String {
        let response = self.http.get(format!("{}/api/auth/token", self.url)).header("cookie", cookie).send().await;
        let body: Value = response.unwrap().json().await.unwrap();
        body["token"].as_str().unwrap().to_owned()
    }

    /// Lets its signing keys expire.
    pub async fn retire_keys(&self) {
        self.http.post(format!("{}/retire-keys", self.url)).send().await.unwrap();
    }
}

impl Program {
    /// Starts a program, with the secret of the tests unless the variables contain another.
    #[must_use]
    pub fn start(program: &str, variables: &[(&str, &str)]) -> Self {
        let mut node = node(program);
        node.env("BETTER_AUTH_SECRET", SECRET).envs(variables.iter().copied()).stdout(Stdio::piped());
        let mut process = node.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "run make test, which installs it");
        Self { process, line: line.trim().into() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Returns the command that runs a program.
#[must_use]
pub fn node(program: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(program).current_dir(FOLDER);
    node
}

/// Runs a program, and parses its output as JSON.
#[must_use]
pub fn run(program: &str, variables: &[(&str, &str)]) -> Value {
    let output = node(program).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "run make test, which installs it: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
