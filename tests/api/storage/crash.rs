//! Acknowledged writes survive shutdowns and crashes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Server, User};

use crate::lifecycle::within_patience;

/// While draining, the server is not ready but still serves; a second signal ends that. No write that was acknowledged
/// meanwhile is lost.
#[tokio::test]
async fn it_is_not_ready_before_it_stops_and_serves_until_then() {
    let mut server = Server::start_with(&[("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600")]);
    let ann = User::sign_up(&server, "ann").await;
    let status = async |path: &str| ann.anonymous(Method::GET, path).send().await.unwrap().status();
    assert_eq!(status("/health/ready").await, StatusCode::OK);
    server.terminate();
    within_patience(async { while status("/health/ready").await != StatusCode::SERVICE_UNAVAILABLE {} }).await;
    assert_eq!(status("/health/live").await, StatusCode::OK);

    // Write until the server stops answering.
    let write = async |writer: usize| {
        let http = reqwest::Client::new();
        let mut acknowledged = Vec::new();
        loop {
            let title = format!("{writer}: {}", acknowledged.len());
            let add = http.post(server.url(&ann.tasks(""))).bearer_auth(&ann.token).json(&json!({ "title": title }));
            match add.send().await {
                Ok(response) if response.status() == StatusCode::CREATED => acknowledged.push(title),
                // The last requests may get an error instead of a refused connection.
                Ok(_) | Err(_) => return acknowledged,
            }
            if acknowledged.len() == 25 {
                server.terminate();
            }
        }
    };
    let acknowledged = within_patience(futures_util::future::join_all((0..4).map(write))).await.concat();
    assert!(acknowledged.len() >= 25);
    assert_eq!(server.wait().code(), Some(0));
    let server = server.again();
    let token = support::Forge::of(&server).token(&ann.id);
    let list = reqwest::Client::new().get(server.url(&format!("{}?limit=1000", ann.tasks("")))).bearer_auth(token);
    let list: Vec<Value> = list.send().await.unwrap().json().await.unwrap();
    let missing: Vec<_> =
        acknowledged.iter().filter(|title| !list.iter().any(|task| task["title"] == **title)).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
}

/// Tasks, sessions and tokens survive a crash.
#[tokio::test]
async fn acknowledged_writes_survive_a_crash() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let added = ann.add(serde_json::json!({ "title": "survive" })).await;
    server.kill();
    let server = server.again();
    let http = reqwest::Client::new();
    let token = http.get(server.url("/api/auth/token")).header("cookie", &ann.cookie).send().await.unwrap();
    let token: serde_json::Value = token.json().await.unwrap();
    let list = http.get(server.url(&ann.tasks(""))).bearer_auth(token["token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(list.json::<serde_json::Value>().await.unwrap(), serde_json::json!([added]));
}
