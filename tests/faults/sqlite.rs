//! SQLite on a full or read-only disk.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};

use crate::watch::assert_unavailable;

/// On a full disk, writes are answered with 503, reads succeed, and no acknowledged write is lost; writes succeed once
/// there is space.
#[tokio::test]
async fn a_full_disk_refuses_writes_and_loses_nothing() {
    let mut server = Server::start_with_small_disk(512);
    let ann = User::sign_up(&server, "ann").await;
    let mut acknowledged = Vec::new();
    let refused = loop {
        let task = json!({ "title": format!("task {}", acknowledged.len()), "description": "x".repeat(1000) });
        let response = ann.request(Method::POST, &ann.tasks("")).json(&task).send().await.unwrap();
        if response.status() != StatusCode::CREATED {
            break response;
        }
        acknowledged.push(response.json::<Value>().await.unwrap());
        assert!(acknowledged.len() < 900, "the disk is never full");
    };
    assert_unavailable(refused).await;
    acknowledged.reverse();
    assert_eq!(ann.get(&ann.tasks("?limit=1000")).await.json::<Value>().await.unwrap(), json!(acknowledged));
    println!("full disk: {} tasks acknowledged, all there", acknowledged.len());

    server.kill();
    let server = server.again();
    let http = reqwest::Client::new();
    let token = http.get(server.url("/api/auth/token")).header("cookie", &ann.cookie).send().await.unwrap();
    let token = token.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let list = http.get(server.url(&ann.tasks("?limit=1000"))).bearer_auth(&token).send().await.unwrap();
    assert_eq!(list.json::<Value>().await.unwrap(), json!(acknowledged));
    let added = http.post(server.url(&ann.tasks(""))).bearer_auth(&token).json(&json!({ "title": "room" }));
    assert_eq!(added.send().await.unwrap().status(), StatusCode::CREATED);
}

/// Concurrent writers wait for each other, and none is rejected.
#[tokio::test]
async fn fifty_writers_at_once_all_write() {
    let server = Server::start_with(&[("DATABASE_URL", "sqlite://writers.db")]);
    let ann = User::sign_up(&server, "ann").await;
    let added = join_all((0..50).map(|number| ann.add(json!({ "title": format!("task {number}") })))).await;
    assert_eq!(ann.list().await.as_array().unwrap().len(), added.len());
}

/// A SQLite URL or file that cannot be used is reported at the start, and an existing file is not changed.
#[test]
fn a_file_that_cannot_be_used_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.db");
    std::fs::write(&notes, "notes, and no database, which nobody wants to lose".repeat(20)).unwrap();
    std::fs::write(folder.path().join("file"), []).unwrap();
    let before = std::fs::read(&notes).unwrap();
    for (path, found, advice) in [
        ("tasks.db?mode=ro", "a value of mode that is not supported", "write rwc, or rw"),
        (".", "a path that is a folder", "add the name of a file"),
        ("notes.db", "notes.db is not a SQLite database", "name another file"),
        ("none.db?mode=rw", "none.db cannot be opened", "check that it exists"),
        ("file/tasks.db", "cannot create ", "name another file"),
    ] {
        let url = format!("sqlite://{}/{path}", folder.path().display());
        let (status, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", &url)]);
        assert_eq!(status.code(), Some(1));
        let last = message.lines().last().unwrap();
        assert!(last.contains(found) && last.split_once("; ").unwrap().1.contains(advice), "{message}");
        assert_eq!(message.matches(advice).count(), 1, "{message}");
    }
    assert_eq!(std::fs::read(&notes).unwrap(), before);
}
