//! Clients that ask for large responses and do not read them: the memory of these responses is limited, for all clients
//! together and for each client network.

use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use support::metrics::Scrape;
use support::postgres::{fresh_database, psql};
use support::raw::Connection;
use support::{Server, User};
use tokio::net::TcpStream;

use crate::lifecycle::{until_logged, within_patience};

/// Number of large tasks of a user.
const TASKS: usize = 1000;
/// Number of responses with these tasks that one network may leave unread: each takes 5 MB.
const SHARE: u64 = 3;

const UNSENT: &str = "taskbridge_unsent_response_bytes";
const REFUSED: &str = "taskbridge_unsent_responses_refused_total";

/// Starts a server with a user who has large tasks.
async fn start(unread_seconds: &str) -> (Server, User) {
    let url = fresh_database();
    let server = Server::start_with(&[
        ("DATABASE_URL", &url),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "60"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "60"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__UNREAD_SECONDS", unread_seconds),
        ("TASKBRIDGE__SERVER__UNSENT_BYTES", "33554432"),
        ("TASKBRIDGE__SERVER__UNSENT_BYTES_PER_NETWORK", "16777216"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    let text = "repeat(chr(128578), 200), repeat(chr(128578), 1000)";
    psql(
        &url,
        &format!(
            "insert into tasks (user_id, title, description, completed, created_at, updated_at)
             select '{}', {text}, false, now(), now() from generate_series(1, {TASKS})",
            ann.id
        ),
    );
    (server, ann)
}

fn request(user: &User, from: &str) -> Vec<u8> {
    let (path, token) = (user.tasks("?limit=1000"), &user.token);
    let head = [
        format!("GET {path} HTTP/1.1"),
        "Host: x".into(),
        format!("X-Forwarded-For: {from}"),
        format!("Authorization: Bearer {token}"),
    ];
    format!("{}\r\n\r\n", head.join("\r\n")).into_bytes()
}

/// Asks for the list `count` times without reading the responses. Returns the connections when all responses have been
/// sent or refused.
async fn leave_unread(server: &Server, user: &User, from: &str, count: u64) -> Vec<Connection> {
    let answered = |scrape: &Scrape| {
        let series = scrape.all("taskbridge_http_requests_total{method=\"GET\",route=\"/api/{user_id}/tasks\"");
        series.map(|series| scrape.count(series)).sum::<u64>()
    };
    let before = answered(&Scrape::of(server).await);
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open_narrow(server).await;
        connection.write(&request(user, from)).await;
        connections.push(connection);
    }
    Scrape::until(server, |scrape| answered(scrape) == before + count).await;
    connections
}

/// Returns the status of the list with this limit, and the number of its tasks.
async fn list(server: &Server, user: &User, from: &str, limit: usize) -> (StatusCode, Option<usize>) {
    let url = server.url(&user.tasks(&format!("?limit={limit}")));
    let request = reqwest::Client::new().get(url).header("X-Forwarded-For", from).bearer_auth(&user.token);
    let response = request.send().await.unwrap();
    let (status, retry_after) = (response.status(), response.headers().get(RETRY_AFTER).cloned());
    let body: Value = response.json().await.unwrap();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        assert_eq!(retry_after.unwrap(), "1");
        assert_eq!(body["code"], "SERVICE_UNAVAILABLE");
    }
    (status, body.as_array().map(Vec::len))
}

const REFUSAL: (StatusCode, Option<usize>) = (StatusCode::SERVICE_UNAVAILABLE, None);
const WHOLE: (StatusCode, Option<usize>) = (StatusCode::OK, Some(TASKS));

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn responses_that_are_not_read_take_a_limited_amount_of_memory() {
    const REQUESTS: u64 = 24;
    let (server, ann) = start("600").await;
    assert_eq!(list(&server, &ann, "192.0.2.1", TASKS).await, WHOLE);
    let before = server.memory();
    let held = leave_unread(&server, &ann, "192.0.2.1", REQUESTS).await;
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.count(REFUSED), REQUESTS - SHARE);
    assert!((SHARE * 4_900_000..16 << 20).contains(&scrape.count(UNSENT)), "{}", scrape.count(UNSENT));
    // Without the limit, the responses would keep 120 MB. What the requests needed in addition is soon free again.
    Scrape::until(&server, |_| server.memory() < before + (80 << 20)).await;

    // Small responses need none of this memory. Other networks have their own share, which is smaller if two thirds of
    // the memory are used. The last third is for the first response of each network.
    assert_eq!(list(&server, &ann, "192.0.2.255", TASKS).await, REFUSAL);
    assert_eq!(list(&server, &ann, "192.0.2.1", 1).await, (StatusCode::OK, Some(1)));
    assert_eq!(list(&server, &ann, "198.51.100.1", TASKS).await, WHOLE);
    let mut of_others = leave_unread(&server, &ann, "198.51.100.1", SHARE).await;
    assert_eq!(Scrape::of(&server).await.count(REFUSED), REQUESTS - SHARE + 1 + SHARE - 1);
    for network in ["198.51.101.1", "198.51.102.1"] {
        assert_eq!(list(&server, &ann, network, TASKS).await, WHOLE);
        of_others.extend(leave_unread(&server, &ann, network, 1).await);
    }
    assert_eq!(list(&server, &ann, "203.0.113.1", TASKS).await, REFUSAL);

    drop(held);
    Scrape::until(&server, |scrape| scrape.count(UNSENT) < 16 << 20).await;
    assert_eq!(list(&server, &ann, "203.0.113.1", TASKS).await, WHOLE);
    assert_eq!(list(&server, &ann, "192.0.2.1", TASKS).await, WHOLE);
    drop(of_others);
    Scrape::until(&server, |scrape| scrape.count(UNSENT) == 0).await;
}

/// The connection of a client that pauses for too long is closed, and the memory of its response is free again.
#[tokio::test]
async fn a_client_that_does_not_read_loses_its_response() {
    let (server, ann) = start("1").await;
    let mut held = leave_unread(&server, &ann, "192.0.2.1", SHARE).await;
    Scrape::until(&server, |scrape| scrape.count(UNSENT) == 0).await;
    for connection in &mut held {
        let received = connection.rest().await;
        assert!(received.starts_with(b"HTTP/1.1 200") && received.len() < TASKS * 4_900, "{}", received.len());
    }
}

/// A response that is being read when the server stops is sent to its end.
#[tokio::test]
async fn a_response_that_is_read_slowly_is_complete_although_the_server_stops() {
    let (mut server, ann) = start("600").await;
    let mut slow = Connection::open_with_buffer(&server, 64 * 1024).await;
    slow.write(&request(&ann, "192.0.2.1")).await;
    Scrape::until(&server, |scrape| scrape.count(UNSENT) > 0).await;
    server.terminate();
    until_logged(&server, "stopping").await;
    within_patience(async { while TcpStream::connect(&server.address).await.is_ok() {} }).await;
    let answer = slow.answer().await;
    assert_eq!(answer.status, 200);
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap().as_array().unwrap().len(), TASKS);
    assert_eq!(server.wait().code(), Some(0));
}
