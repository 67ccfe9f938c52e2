//! The commands that check a deployment and migrate its database.

use std::net::TcpListener;

use serde_json::{Value, json};
use support::postgres::fresh_database;
use support::server::{SECRET, shell};
use support::{Peer, Server, User};

use crate::databases::{at, serve, variables};
use crate::page::{drill, run};

/// The doctor passes for a healthy deployment, and warns of another secret than that of the keys. Without a database, it
/// fails.
#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let url = fresh_database();
    let server = serve(&url);
    User::sign_up(&server, "ann").await;
    let report = run(server.folder(), drill("doctor"), &variables(&url, &[]));
    assert!(report.contains("0 failed"), "{report}");
    let other = [("BETTER_AUTH_SECRET", "another-secret-not-for-production-0123456789")];
    let report = run(server.folder(), drill("doctor"), &variables(&url, &other));
    assert!(report.contains("0 failed") && report.contains("encrypted with another secret"), "{report}");
    let none = variables("postgres://postgres@127.0.0.1:1/none", &[]);
    let (passed, report) = shell(server.folder(), drill("doctor"), &none);
    assert!(!passed && report.contains("fail database"), "{report}");
}

/// Like a health check of a container, with the settings of the server.
#[test]
fn a_server_is_healthy_until_it_stops() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let settings = [("PORT", port.as_str()), ("DATABASE_URL", "sqlite://health.db"), ("BETTER_AUTH_SECRET", SECRET)];
    let mut server = Server::start_with(&settings);
    run(server.folder(), drill("health"), &settings);
    server.kill();
    let (healthy, printed) = shell(server.folder(), drill("health"), &settings);
    assert!(!healthy, "{printed}");
}

#[tokio::test]
async fn users_are_listed_while_the_server_runs() {
    let url = fresh_database();
    let server = serve(&url);
    let ann = User::sign_up(&server, "ann").await;
    let listed = run(server.folder(), drill("users"), &variables(&url, &[]));
    assert!(listed.contains(&ann.email) && listed.contains(&ann.id), "{listed}");
}

/// Migrations are applied before the deployment, and reverted while no server runs.
#[tokio::test]
async fn migrations_are_applied_and_reverted() {
    let url = fresh_database();
    let folder = tempfile::tempdir().unwrap();
    let applied = run(folder.path(), drill("migrate"), &variables(&url, &[]));
    assert!(applied.contains("pending"), "{applied}");
    let status = run(folder.path(), drill("migrate"), &variables(&url, &[]));
    assert!(!status.contains("pending"), "{status}");
    let mut server = serve(&url);
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "kept" })).await;
    server.terminate();
    assert!(server.wait().success());

    let reverted = run(folder.path(), drill("migrate-down"), &variables(&url, &[]));
    let status = run(folder.path(), drill("migrate"), &variables(&url, &[]));
    assert_eq!(status.matches("pending").count(), 1, "{reverted}\n{status}");
    let server = server.again();
    assert_eq!(Peer::taskbridge(&server).get_session(&ann.cookie).await["user"]["id"], ann.id.as_str());
    let list: Value = at(&ann, &server).list().await;
    assert_eq!(list[0]["title"], "kept");
}
