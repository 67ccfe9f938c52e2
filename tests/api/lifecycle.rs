//! Starting, stopping, and limited resources.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::forge::now;
use support::metrics::Scrape;
use support::postgres::{fresh_database, psql};
use support::raw::{request, send};
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Fails the test if `future` takes more than a minute.
pub(crate) async fn within_patience<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_mins(1), future).await.unwrap()
}

/// Waits until the server has logged `message`.
pub(crate) async fn until_logged(server: &Server, message: &str) {
    let message = format!("\"message\":\"{message}\"");
    let is_logged = || server.log.lines().iter().any(|line| line.contains(&message));
    within_patience(async {
        while !is_logged() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Without a strong secret the server does not start, and says what to do.
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

/// All configuration errors are reported at once, without the values.
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

#[test]
fn a_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, message) = refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("PORT", &port)]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{message}");
}

/// The message names a database that cannot be opened, without the secrets in its URL.
#[test]
fn a_database_that_cannot_be_opened_is_a_clear_error() {
    let (status, message) =
        refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", "sqlite:///proc/nowhere/tasks.db")]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains("database"), "{message}");
}

/// Idle connections do not delay a shutdown.
#[tokio::test]
async fn it_stops_in_order_when_told_to() {
    let mut server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    ann.list().await;
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log.lines().last().unwrap().contains("stopped"));
}

/// If the reader of the log goes away, requests are still answered, and so is the signal to stop.
#[tokio::test]
async fn a_log_that_nobody_reads_holds_nothing_up() {
    let mut server = Server::start_with_its_log_closed();
    for _ in 0..5 {
        let answer = reqwest::get(server.url("/health/live")).await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    server.terminate();
    within_patience(async { while reqwest::get(server.url("/health/live")).await.is_ok() {} }).await;
    assert!(server.wait().success());
}

/// A shutdown waits for a request in progress and then closes its connection, even if the thread that opened the
/// database connections has nothing else to do.
#[tokio::test]
async fn a_request_under_way_is_answered_before_it_stops() {
    let mut server = Server::start_with(&[
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__SERVER__WORKERS", "4"),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "8"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    futures_util::future::join_all((0..16).map(|_| ann.list())).await;
    let body = json!({ "title": "slow" }).to_string();
    let (half, rest) = body.split_at(5);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{half}",
        ann.tasks(""),
        ann.token,
        body.len()
    );
    let mut slow = TcpStream::connect(&server.address).await.unwrap();
    slow.write_all(head.as_bytes()).await.unwrap();
    Scrape::until(&server, |scrape| scrape.count("taskbridge_http_requests_in_flight") == 1).await;
    server.terminate();
    until_logged(&server, "stopping").await;
    slow.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"title\":\"slow\""), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nconnection: close\r\n"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
    let server = server.again();
    let token = support::Forge::of(&server).token(&ann.id);
    let list = reqwest::Client::new().get(server.url(&ann.tasks(""))).bearer_auth(token).send().await.unwrap();
    assert_eq!(list.json::<Value>().await.unwrap()[0]["title"], "slow");
}

/// It waits no longer than `server.shutdown_seconds`.
#[tokio::test]
async fn a_request_that_does_not_end_does_not_hold_it_up() {
    let variables = [("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"), ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "1")];
    let mut server = Server::start_with(&variables);
    let ann = User::sign_up(&server, "ann").await;
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 9\r\n\r\n",
        ann.tasks(""),
        ann.token
    );
    let mut endless = TcpStream::connect(&server.address).await.unwrap();
    endless.write_all(head.as_bytes()).await.unwrap();
    Scrape::until(&server, |scrape| scrape.count("taskbridge_http_requests_in_flight") == 1).await;
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log.lines().iter().any(|line| line.contains(r#""message":"stopped""#)));
}

/// The time zones of the process and of the database have no effect.
#[tokio::test]
async fn time_zones_change_no_time() {
    let url = fresh_database();
    let name = url.rsplit_once('/').unwrap().1;
    psql(&url, &format!("alter database {name} set timezone to 'Pacific/Auckland'"));
    for database in ["sqlite://tasks.db", &url] {
        let before = now();
        // 14 hours ahead of UTC, in the POSIX form that needs no time zone database.
        let mut server = Server::start_with(&[("DATABASE_URL", database), ("TZ", "<+14>-14")]);
        let ann = User::sign_up(&server, "ann").await;
        let added = ann.add(json!({ "title": "x" })).await;
        assert_eq!(ann.list().await, json!([added]));
        let log = server.log.lines().pop().unwrap();
        let log: Value = serde_json::from_str(&log).unwrap();
        for time in [&added["created_at"], &added["updated_at"], &log["timestamp"]] {
            let time = time.as_str().unwrap();
            let (_, seconds) = time.split_once('T').unwrap();
            let [hours, minutes] = [0, 3].map(|start| seconds[start..start + 2].parse::<u64>().unwrap());
            let minutes_of_day = hours * 60 + minutes;
            let expected = [before / 60 % 1440, now() / 60 % 1440];
            assert!(time.ends_with('Z') && expected.contains(&minutes_of_day), "{time} {expected:?}");
        }
        // Tokens and sessions are valid at once, and do not expire early.
        server.kill();
        let server = server.again();
        let token = reqwest::Client::new().get(server.url("/api/auth/token")).header("cookie", &ann.cookie);
        assert_eq!(token.send().await.unwrap().status(), StatusCode::OK);
    }
}

/// At the limit of open files, existing connections are still served, and new ones later.
#[tokio::test]
async fn the_limit_of_open_files_is_survived() {
    // The connections of this test come from one network. With a limit per network, some would be refused.
    let no_network_limit = [("TASKBRIDGE__SERVER__MAX_CONNECTIONS_PER_NETWORK", "1000")];
    let server = Server::start_with_few_files(60, &no_network_limit);
    let ann = User::sign_up(&server, "ann").await;
    ann.list().await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(&server.address).await.unwrap());
    }
    // The client keeps its connection open; a new one waits until others close.
    let ready = request("GET /health/ready HTTP/1.1", &[], b"");
    let late = send(&server, &ready);
    let early = async {
        assert_eq!(ann.anonymous(Method::GET, "/health/live").send().await.unwrap().status(), StatusCode::OK);
        drop(idle);
    };
    let (late, ()) = futures_util::future::join(late, early).await;
    assert_eq!(late.status, 200);
    assert_eq!(ann.list().await, json!([]));
    User::sign_up(&server, "bob").await.add(json!({ "title": "x" })).await;
    let log = server.log.text();
    assert!(log.contains("more than half of the files"), "the limit was not reached");
}

/// 64 concurrent sign-ins need less memory than a small container has.
#[tokio::test]
async fn a_storm_of_sign_ins_stays_small() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let sign_in = || {
        let credentials = json!({ "email": ann.email, "password": support::user::PASSWORD });
        ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials).send()
    };
    let answers = futures_util::future::join_all((0..64).map(|_| sign_in())).await;
    let statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    let peak = server.peak_memory();
    println!("64 sign-ins at once: peak memory {} MiB", peak / 1024);
    assert!(peak < 128 * 1024, "{peak} KiB");
}
