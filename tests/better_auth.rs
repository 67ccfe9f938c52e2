//! A real Better Auth on a database made by us. (Q2, R6)

use std::process::Command;

use serde_json::{Value, json};
use support::postgres::fresh_database;
use support::server::SECRET;
use support::{Server, User};

/// Its own schema check finds nothing to change, it starts, and it knows a session of ours by its cookie.
#[tokio::test]
async fn a_real_better_auth_takes_over_a_database_of_ours() {
    let url = fresh_database();
    let server = Server::start_with(&[("DATABASE_URL", &url)]);
    let ann = User::sign_up(&server, "ann").await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/better-auth");
    let node = Command::new("node")
        .arg("adopt.mjs")
        .current_dir(folder)
        .envs([("DATABASE_URL", url.as_str()), ("BETTER_AUTH_URL", &server.origin), ("BETTER_AUTH_SECRET", SECRET)])
        .env("COOKIE", &ann.cookie)
        .output()
        .unwrap();
    assert!(node.status.success(), "run make test, which installs it: {}", String::from_utf8_lossy(&node.stderr));
    let said: Value = serde_json::from_slice(&node.stdout).unwrap();
    assert_eq!((&said["toBeCreated"], &said["toBeAdded"]), (&json!([]), &json!([])));
    assert_eq!(said["status"], 200);
    assert_eq!(said["session"]["user"]["id"], json!(ann.id));
    assert_eq!(said["session"]["user"]["email"], json!(ann.email));
    assert_eq!(said["session"]["session"]["token"], json!(ann.session));
}
