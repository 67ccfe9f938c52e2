//! Starting, stopping, and what survives. (N8, Q4, C256, C258, C260, C261, C264, C270)

use support::server::{SECRET, refuse_to_start};
use support::{Server, User};

/// N8, C256, C258: without a usable secret there is no server, and the message says what to do.
#[test]
fn it_does_not_start_without_a_usable_secret() {
    for secret in [None, Some(""), Some("short"), Some("better-auth-secret-12345678901234567890")] {
        let variables: Vec<_> = secret.map(|secret| ("BETTER_AUTH_SECRET", secret)).into_iter().collect();
        let (status, message) = refuse_to_start(&variables);
        assert_eq!(status.code(), Some(1));
        assert!(message.contains("auth.secret") && message.contains("BETTER_AUTH_SECRET"), "{message}");
        assert!(secret.is_none_or(|secret| secret.is_empty() || !message.contains(secret)), "{message}");
    }
}

/// C258: all faults at once, none with its value.
#[test]
fn it_names_every_fault_of_its_configuration() {
    let (status, message) = refuse_to_start(&[
        ("PORT", "seventy"),
        ("DATABASE_URL", "oracle://scott:tiger@localhost"),
        ("TASKBRIDGE__JWT__LIFETIME", "9"),
    ]);
    assert_eq!(status.code(), Some(1));
    for expected in ["server.port", "database.url", "jwt.lifetime", "auth.secret"] {
        assert!(message.contains(expected), "{expected} in {message}");
    }
    assert!(!message.contains("tiger") && !message.contains("seventy"), "{message}");
}

/// C264.
#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("PORT", &port)]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{message}");
}

/// C253: a database that cannot be opened is named without its URL's secrets.
#[test]
fn a_database_that_cannot_be_opened_is_a_clear_error() {
    let (status, message) =
        refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", "sqlite:///proc/nowhere/tasks.db")]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains("database"), "{message}");
}

/// C260, C261: idle connections do not hold it up.
#[tokio::test]
async fn it_stops_in_order_when_told_to() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    ann.list().await;
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log.lock().unwrap().last().unwrap().contains("stopped"));
}

/// Q4: what was acknowledged is there after a crash, tokens and sessions included.
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
