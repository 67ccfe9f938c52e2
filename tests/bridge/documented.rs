//! The apps of docs/bridge.md and of the README, built from the files on these pages, with the npm packages that they name.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use support::better_auth::node;
use support::forge::{encode, sign};
use support::server::SECRET;
use support::user::{PASSWORD, REFUSAL};
use support::{Server, page};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../docs/bridge.md");

/// A database for the app, which the page omits.
const DATABASE: &str = r#"import { memoryAdapter } from "better-auth/adapters/memory";
    export const database = memoryAdapter({ user: [], session: [], account: [], verification: [], jwks: [] });"#;

/// Returns the files in the section with this heading, and the common ones.
fn files(heading: &str) -> BTreeMap<String, String> {
    let is_of_it = |section: &&str| section.starts_with(heading) || section.starts_with("Files for both ways");
    page::files(&PAGE.split("\n## ").filter(is_of_it).collect::<String>())
}

/// A built app.
struct App {
    files: BTreeMap<String, String>,
    folder: TempDir,
}

/// A running app. It is killed on drop.
struct Served<'a> {
    app: &'a App,
    process: Child,
    url: String,
}

impl App {
    fn of(mut files: BTreeMap<String, String>) -> Self {
        files.insert("lib/database.ts".into(), DATABASE.into());
        let folder = page::build(&files);
        Self { files, folder }
    }

    /// Starts the app, with further environment variables.
    fn serve(&self, more: &[(&str, &str)]) -> Served<'_> {
        let mut process =
            self.node("app.mjs", "", "").envs(more.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(!url.is_empty(), "the app does not start");
        Served { app: self, process, url: url.trim().into() }
    }

    /// Returns a script with the environment that the page shows for the app.
    fn node(&self, script: &str, app: &str, server: &str) -> Command {
        let mut command = node(script);
        command.env("ROOT", self.folder.path());
        command.envs(self.environment(".env.local of the app", app, server));
        command
    }

    /// Returns an environment that the page shows, with these addresses and a real secret.
    fn environment(&self, name: &str, app: &str, server: &str) -> Vec<(String, String)> {
        let value = |value: &str| match value {
            "http://localhost:3000" => app.to_owned(),
            "http://localhost:8000" => server.to_owned(),
            text if text.starts_with('<') => SECRET.into(),
            text => text.into(),
        };
        let lines = self.files[name].lines().map(|line| line.split_once('=').unwrap());
        lines.map(|(name, text)| (name.into(), value(text))).collect()
    }
}

impl Served<'_> {
    /// Starts a server with exactly the environment that the page shows for it.
    fn taskbridge(&self) -> Server {
        let variables = self.app.environment(".env of Taskbridge", &self.url, "");
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        // Removes the default secret of the tests.
        Server::start_with(&[&[("BETTER_AUTH_SECRET", "")], variables.as_slice()].concat())
    }

    /// Signs a user up on a page of this app, which calls this server through the app's rewrite, and returns the output
    /// of the page.
    fn visit(&self, server: &Server) -> Value {
        self.visit_with(server, &[])
    }

    /// Does the same with more variables for the page.
    fn visit_with(&self, server: &Server, more: &[(&str, &str)]) -> Value {
        let mut page = self.app.node("page.mjs", &self.url, &server.base);
        let output = page.env("PASSWORD", PASSWORD).envs(more.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn segment(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

async fn status(server: &Server, seen: &Value, token: &str) -> u16 {
    let tasks = server.url(&format!("/api/{}/tasks", seen["id"].as_str().unwrap()));
    let response = reqwest::Client::new().get(tasks).bearer_auth(token).send().await.unwrap();
    let status = response.status().as_u16();
    if status == 401 {
        assert_eq!(response.text().await.unwrap(), REFUSAL);
    }
    status
}

/// Asserts what the page says about both: access to tasks, the content of a token, and which tokens are rejected.
async fn is_as_the_page_says(app: &Served<'_>, server: &Server) -> (Value, String) {
    let seen = app.visit(server);
    let token = seen["token"].as_str().unwrap().to_owned();
    assert_eq!((&seen["before"], &seen["after"]), (&json!("Sign in first"), &json!("Sign in first")), "{seen}");
    let statuses = ["added", "elsewhere", "renewed", "remembered"].map(|step| seen[step].as_u64().unwrap());
    assert_eq!(statuses, [201, 403, 200, 200], "{seen}");
    assert_eq!(seen["tasks"][0]["user_id"], seen["id"]);

    let claims = segment(&token, 1);
    assert_eq!((&claims["sub"], &claims["iss"], &claims["aud"]), (&seen["id"], &json!(app.url), &json!(app.url)));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15 * 60);

    assert_eq!(status(server, &seen, &token).await, 200);
    let anonymous = reqwest::get(server.url(&format!("/api/{}/tasks", seen["id"].as_str().unwrap()))).await.unwrap();
    assert_eq!(anonymous.status(), 401);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let unsigned = encode(r#"{"alg":"none"}"#);
    let mut others = claims;
    others["sub"] = json!("somebody-else");
    let others = encode(others.to_string());
    for refused in [
        format!("{header}.{others}.{signature}"),
        format!("{header}.{payload}."),
        format!("{unsigned}.{payload}."),
        format!("{unsigned}.{payload}.{signature}"),
    ] {
        assert_eq!(status(server, &seen, &refused).await, 401, "{refused}");
    }
    let session = seen["cookies"]["better-auth.session_token"].as_str().unwrap();
    for refused in [session, &session[..32]] {
        assert_eq!(status(server, &seen, refused).await, 401);
    }
    (seen, token)
}

#[tokio::test]
async fn the_jwt_plugin_is_set_up_as_the_page_says() {
    let mut files = files("1. ");
    assert_eq!(files.len(), 9, "{:?}", files.keys());
    let route = r#"import { serverToken } from "@/lib/server-token";
        export const GET = async ({ headers }: Request) => new Response(await serverToken(headers));"#;
    files.insert("app/test/server-token/route.ts".into(), route.into());
    let app = App::of(files);
    let app = app.serve(&[]);
    let server = app.taskbridge();
    let (seen, token) = is_as_the_page_says(&app, &server).await;
    let header = segment(&token, 0);
    assert_eq!((&header["alg"], header["kid"].is_string()), (&json!("EdDSA"), true));
    assert_eq!(status(&server, &seen, seen["onTheServer"].as_str().unwrap()).await, 200);
}

/// The browser sends cross-origin requests, without a rewrite.
#[tokio::test]
async fn a_page_calls_taskbridge_directly_as_the_page_says() {
    let direct =
        page::files(PAGE.split("\n## ").find(|section| section.starts_with("Call Taskbridge directly")).unwrap());
    assert_eq!(direct[".env.local of the app, in addition"], "NEXT_PUBLIC_TASKBRIDGE_URL=http://localhost:8000\n");
    let mut files = files("1. ");
    files.insert("next.config.ts".into(), "export default { rewrites: async () => [] };".into());
    let app = App::of(files);
    let app = app.serve(&[]);
    let server = app.taskbridge();
    let seen = app.visit_with(&server, &[("NEXT_PUBLIC_TASKBRIDGE_URL", &server.base)]);
    assert_eq!(
        (&seen["added"], &seen["elsewhere"], &seen["renewed"]),
        (&json!(201), &json!(403), &json!(200)),
        "{seen}"
    );
}

/// The README shows the files of the first way, and no others.
#[test]
fn the_readme_shows_files_of_the_page() {
    let files = files("1. ");
    let readme = include_str!("../../README.md").split("\n## ").find(|section| section.starts_with("I already have"));
    let readme = page::files(readme.unwrap());
    assert_eq!(readme.len(), 7, "{:?}", readme.keys());
    for (name, text) in readme {
        assert_eq!(Some(&text), files.get(&name), "{name}");
    }
}

#[tokio::test]
async fn hs256_with_the_shared_secret_is_set_up_as_the_page_says() {
    let files = files("2. ");
    assert_eq!(files.len(), 9, "{:?}", files.keys());
    let app = App::of(files);
    let app = app.serve(&[]);
    let server = app.taskbridge();
    let (seen, token) = is_as_the_page_says(&app, &server).await;
    assert_eq!(segment(&token, 0), json!({ "alg": "HS256" }));
    let claims = segment(&token, 1);
    let by = |key: &str, claims: &Value| sign(r#"{"alg":"HS256"}"#, claims.to_string(), key.as_bytes());
    assert_eq!(status(&server, &seen, &by(SECRET, &claims)).await, 200);
    assert_eq!(status(&server, &seen, &by("another secret of somebody else altogether", &claims)).await, 401);
    for missing in ["iss", "aud", "exp", "sub"] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(missing);
        assert_eq!(status(&server, &seen, &by(SECRET, &claims)).await, 401, "{missing}");
    }
}

/// The cookie in which Better Auth caches a session is not an access token, in any of its formats, even if the server
/// has the secret.
#[tokio::test]
async fn the_cookie_cache_is_no_token() {
    let mut files = files("2. ");
    let auth = files.get_mut("lib/auth.ts").unwrap();
    let cache = "session: { cookieCache: { enabled: true, strategy: process.env.STRATEGY as \"jwt\" } },\n  database,";
    *auth = auth.replace("database,", cache);
    let app = App::of(files);
    for (strategy, dots) in [("compact", 0), ("jwt", 2), ("jwe", 4)] {
        let app = app.serve(&[("STRATEGY", strategy)]);
        let server = app.taskbridge();
        let seen = app.visit(&server);
        let cookie = seen["cookies"]["better-auth.session_data"].as_str().unwrap();
        assert_eq!(cookie.matches('.').count(), dots, "{strategy} {cookie}");
        assert_eq!(status(&server, &seen, cookie).await, 401, "{strategy}");
        assert_eq!(status(&server, &seen, seen["token"].as_str().unwrap()).await, 200);
    }
}
