//! Signals, the order in which a server stops, and a log that is not read.

use reqwest::StatusCode;
use serde_json::json;
use support::metrics::Scrape;
use support::raw::Connection;
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::lifecycle::{until_logged, within_patience};

const HEALTH: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
const METRICS: (&str, &str) = ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0");

/// Sends the head of a request and leaves its body of 13 bytes for later.
async fn begin_to_add(server: &Server, ann: &User) -> Connection {
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n",
        ann.tasks(""),
        ann.token
    );
    let mut connection = Connection::open(server).await;
    connection.write(head.as_bytes()).await;
    Scrape::until(server, |scrape| scrape.count("taskbridge_http_requests_in_flight") == 1).await;
    connection
}

/// After the drain, new connections are refused at once, although a request has not ended.
#[tokio::test]
async fn connections_are_refused_while_the_last_requests_end() {
    let mut server = Server::start_with(&[METRICS, ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "600")]);
    let ann = User::sign_up(&server, "ann").await;
    let mut slow = begin_to_add(&server, &ann).await;
    server.terminate();
    until_logged(&server, "stopping").await;
    // None of these connections is accepted and then forgotten.
    let mut opened = Vec::new();
    within_patience(async {
        while let Ok(connection) = TcpStream::connect(&server.address).await {
            opened.push(connection);
            yield_now().await;
        }
    })
    .await;
    slow.write(br#"{"title":"x"}"#).await;
    let answer = slow.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
    assert_eq!(server.wait().code(), Some(0));
}

/// Requests that have reached the computer before the server closes its listener are answered: on connections that wait
/// in the backlog, and on connections that were idle.
#[tokio::test]
async fn requests_that_wait_for_the_server_are_answered_before_it_stops() {
    let mut server = Server::start();
    let mut connections = Vec::new();
    for _ in 0..30 {
        let mut idle = Connection::open(&server).await;
        idle.write(HEALTH.as_bytes()).await;
        assert_eq!(idle.answer().await.status, 200);
        connections.push(idle);
    }
    server.signal("STOP");
    for _ in 0..30 {
        connections.push(Connection::open(&server).await);
    }
    for connection in &mut connections {
        connection.write(HEALTH.as_bytes()).await;
    }
    server.terminate();
    server.signal("CONT");
    for connection in &mut connections {
        assert_eq!(connection.answer().await.status, 200);
        assert_eq!(connection.answers().await, []);
    }
    assert_eq!(server.wait().code(), Some(0));
}

/// During the drain, the server is not ready, answers requests on new connections, and closes each connection after its
/// request.
#[tokio::test]
async fn requests_are_answered_during_the_drain() {
    let server = Server::start_with(&[("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600")]);
    let mut open = Connection::open(&server).await;
    server.terminate();
    let status = async |path: &str| reqwest::get(server.url(path)).await.unwrap().status();
    within_patience(async { while status("/health/ready").await != StatusCode::SERVICE_UNAVAILABLE {} }).await;
    assert_eq!(status("/health/live").await, StatusCode::OK);
    open.write(HEALTH.as_bytes()).await;
    let answer = open.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(open.answers().await, []);
}

#[tokio::test]
async fn the_drain_has_a_default() {
    // An empty variable is ignored.
    let mut server = Server::start_with(&[("TASKBRIDGE__SERVER__DRAIN_SECONDS", "")]);
    server.terminate();
    until_logged(&server, "stopping").await;
    assert!(server.log.text().contains(r#""drain_seconds":3"#));
    assert_eq!(server.wait().code(), Some(0));
}

/// Ctrl-C does not wait for load balancers.
#[tokio::test]
async fn an_interrupt_skips_the_drain() {
    let mut server = Server::start_with(&[("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600")]);
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test]
async fn a_hangup_is_logged_and_ignored() {
    let server = Server::start();
    server.signal("HUP");
    until_logged(&server, "SIGHUP ignored; settings are read at the start only").await;
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "x" })).await;
}

/// If the reader of the log stalls, so that the pipe is full, requests are still answered, and so is the signal to stop.
/// Lines that do not fit into the buffer are dropped and counted.
#[tokio::test]
async fn a_log_that_is_not_read_holds_nothing_up() {
    let mut server = Server::start_with_its_log_unread(&[METRICS, ("TASKBRIDGE__LOG__BUFFER_BYTES", "4096")]);
    let http = reqwest::Client::new();
    // More than a pipe takes, which is 64 KiB.
    within_patience(async {
        for _ in 0..1000 {
            assert_eq!(http.get(server.url("/health/live")).send().await.unwrap().status(), 200);
        }
    })
    .await;
    let dropped = Scrape::of(&server).await.count("taskbridge_log_lines_dropped_total");
    assert!((1..1000).contains(&dropped), "{dropped}");
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    // What has been written are whole lines.
    let lines = server.log.lines();
    let requests = lines.iter().filter(|line| line.contains(r#""message":"request""#)).count() as u64;
    assert!(requests > 0 && requests <= 1000 - dropped, "{requests} {dropped}");
    assert!(lines.iter().all(|line| line.starts_with('{') && line.ends_with('}')));
}

/// With the default buffer, no line of a burst is lost, and neither are the last lines of the process.
#[tokio::test]
async fn no_line_is_lost_in_a_burst() {
    // An empty variable is ignored.
    let mut server = Server::start_with(&[METRICS, ("TASKBRIDGE__LOG__BUFFER_BYTES", "")]);
    let client = || async {
        let mut connection = Connection::open(&server).await;
        for _ in 0..100 {
            connection.write(HEALTH.as_bytes()).await;
            assert_eq!(connection.answer().await.status, 200);
        }
    };
    within_patience(futures_util::future::join_all((0..20).map(|_| client()))).await;
    let requests = |log: &str| log.matches(r#""message":"request""#).count();
    within_patience(async {
        while requests(&server.log.text()) < 2000 {
            yield_now().await;
        }
    })
    .await;
    assert_eq!(Scrape::of(&server).await.count("taskbridge_log_lines_dropped_total"), 0);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(requests(&server.log.text()), 2000);
    assert!(server.log.text().contains(r#""message":"stopped""#));
}

/// An error at the start is printed after the lines that were logged before it.
#[test]
fn an_error_at_the_start_follows_the_log() {
    let (status, text) = refuse_to_start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("TASKBRIDGE__LOG__BUFFER_BYTES", ""),
        ("RUST_LOG", "trace"),
        ("DATABASE_URL", "sqlite:///proc/nowhere/tasks.db"),
    ]);
    assert_eq!(status.code(), Some(1));
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("taskbridge: ") && last.contains("database"), "{text}");
}
