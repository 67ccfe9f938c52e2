//! The Node processes that run the apps, one for each release of Better Auth.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use reqwest::Client;
use serde_json::{Value, json};
use support::Peer;
use support::peer::APP;
use support::server::SECRET;

/// The folder of the npm packages.
pub(crate) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix");

/// The npm package of the newest release.
pub(crate) const NEWEST: &str = "better-auth-newest";

/// A running process. It ends when its standard input closes, which it does when the tests end.
struct Process {
    url: String,
    _child: Child,
}

/// An app on a database.
pub(crate) struct App {
    /// The auth server.
    pub(crate) peer: Peer,
    /// The changes that its migrator made when it started.
    pub(crate) changes: Vec<String>,
}

impl App {
    /// Starts the app `variant` of variants.mjs with this package on a database, after it has brought its tables up to
    /// date.
    pub(crate) async fn open(package: &'static str, variant: &str, database: &str) -> Self {
        let opened = request(package, "/open", json!({ "variant": variant, "database": database })).await;
        let changes = opened["changes"].as_array().unwrap().iter().map(|change| change.as_str().unwrap().into());
        Self { peer: Peer::at(package, opened["url"].as_str().unwrap()), changes: changes.collect() }
    }
}

/// Returns the header and claims of a token that `jose` verifies with the keys which this server publishes.
pub(crate) async fn verified(token: &str, publisher: &Peer) -> Value {
    let jwks = format!("{}/api/auth/jwks", publisher.base);
    request(NEWEST, "/verify", json!({ "token": token, "jwks": jwks })).await
}

async fn request(package: &'static str, path: &str, body: Value) -> Value {
    let url = process(package) + path;
    let response = Client::new().post(url).body(body.to_string()).send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{package}, {body}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Returns the URL of the process for this package, and starts it if necessary.
fn process(package: &'static str) -> String {
    static PROCESSES: LazyLock<Mutex<HashMap<&str, Process>>> = LazyLock::new(Mutex::default);
    let mut processes = PROCESSES.lock().unwrap();
    processes.entry(package).or_insert_with(|| start(package)).url.clone()
}

fn start(package: &'static str) -> Process {
    let mut node = Command::new("node");
    node.arg("apps.mjs").current_dir(FOLDER).stdin(Stdio::piped()).stdout(Stdio::piped());
    // Better Auth's own adapter writes the time of the process into columns of the type `timestamp`, Drizzle and Prisma
    // write UTC. The migrators of the newest release make no such columns.
    let (package, zone) = if package == NEWEST { (newest(), "Asia/Tokyo") } else { (package.into(), "UTC") };
    node.env("PACKAGE", package).env("TZ", zone).env("BETTER_AUTH_URL", APP).env("BETTER_AUTH_SECRET", SECRET);
    let mut child = node.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    assert!(!url.is_empty(), "run make matrix, which installs it");
    Process { url: url.trim().into(), _child: child }
}

/// Returns the package that takes the place of [`NEWEST`], which `scripts/matrix.sh` has installed.
#[expect(clippy::disallowed_methods, reason = "which release is tried")]
fn newest() -> String {
    std::env::var("TASKBRIDGE_TEST_BETTER_AUTH").unwrap_or_else(|_| NEWEST.into())
}
