//! Clients that are slow, numerous, or do not read their answers: they are handled with limited time and memory, and do
//! not delay other clients.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use support::metrics::Scrape;
use support::raw::{Answer, Connection};
use support::{Forge, Server, User};

const JSON: &str = "Content-Type: application/json";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const HEALTH: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// The shortest deadlines.
const IMPATIENT: [(&str, &str); 3] = [
    ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "1"),
    ("TASKBRIDGE__SERVER__UNREAD_SECONDS", "1"),
    ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "1"),
];

/// Starts a server with the shortest deadlines, after a user has signed up without them.
async fn impatient() -> (Server, User) {
    let calm = Server::start();
    let ann = User::sign_up(&calm, "ann").await;
    let server = calm.again_with(&IMPATIENT);
    let ann = ann.at(&server);
    (server, ann)
}

/// Returns a request with these header lines and an incomplete head.
fn head(line: &str, headers: &[&str]) -> String {
    [&[&*format!("{line} HTTP/1.1"), "Host: localhost"], headers].concat().join("\r\n")
}

/// Returns a head that announces a body which `user` may send.
fn post(user: &User, framing: &str) -> String {
    let authorization = format!("Authorization: Bearer {}", user.token);
    format!("{}\r\n\r\n", head(&format!("POST {}", user.tasks("")), &[&authorization, JSON, framing]))
}

fn error(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

/// Asserts that the server still works.
async fn assert_well(server: &Server, user: &User, tasks: usize) {
    assert_eq!(user.list().await.as_array().unwrap().len(), tasks);
    let mut connection = Connection::open(server).await;
    connection.write(HEALTH.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 200);
}

/// On every route that reads a body, with every framing: an incomplete body is answered with 408 in the format of the
/// route, and the connection closes.
#[tokio::test]
async fn a_body_that_is_not_complete_in_time_is_answered_408() {
    let (server, ann) = impatient().await;
    let task = ann.add(json!({ "title": "stays" })).await["id"].to_string();
    let before = ann.list().await;
    let authorization = format!("Authorization: Bearer {}", ann.token);
    let routes = [
        ("POST", ann.tasks(""), false),
        ("PUT", ann.tasks(&format!("/{task}")), false),
        ("PATCH", ann.tasks(&format!("/{task}")), false),
        ("PATCH", ann.tasks(&format!("/{task}/complete")), false),
        ("POST", SIGN_IN.to_owned(), true),
        ("POST", "/api/auth/sign-up/email".to_owned(), true),
    ];
    let bodies = [
        ("Content-Length: 1000", "", ""),
        ("Content-Length: 1000", r#"{"title":"chan"#, ""),
        ("Content-Length: 1000", r#"{"title":""#, "x"),
        ("Content-Length: 14", r#"{"title":"x"} "#.trim_end(), ""),
        ("Transfer-Encoding: chunked", "", ""),
        ("Transfer-Encoding: chunked", "d\r\n{\"title\":\"x\"}\r\n", ""),
        ("Transfer-Encoding: chunked", "d\r\n{\"title\":\"x\"}\r\n0\r\n", ""),
        ("Transfer-Encoding: chunked", "d\r\n{\"title\":\"x\"}\r\n", "1\r\n \r\n"),
    ];
    let attempts = routes.iter().flat_map(|route| bodies.iter().map(move |body| (route, body)));
    let attempts = attempts.map(async |((method, path, is_auth), (framing, start, trickle))| {
        let name = format!("{method} {path} {framing} {start:?} {trickle:?}");
        let mut connection = Connection::open(&server).await;
        let head = head(&format!("{method} {path}"), &[&authorization, JSON, framing]);
        connection.write(format!("{head}\r\n\r\n{start}").as_bytes()).await;
        let answer = connection.answer_to_a_trickle(trickle.as_bytes()).await;
        assert_eq!((answer.status, answer.header("connection")), (408, Some("close")), "{name}: {answer:?}");
        let error = error(&answer);
        assert_eq!(error["code"], "REQUEST_TIMEOUT", "{name}");
        assert_eq!(error.get("detail").is_none(), *is_auth, "{name}: {error}");
        assert_eq!(connection.answer_to_a_trickle(trickle.as_bytes()).await.status, 0, "{name}");
    });
    join_all(attempts).await;
    assert_eq!(ann.list().await, before);
}

/// The server does not wait for the rest of a body that it ignores.
#[tokio::test]
async fn a_body_that_nobody_reads_ends_its_connection() {
    // The deadline is too far away to end these connections.
    let server = Server::start_with(&[("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600")]);
    let ann = User::sign_up(&server, "ann").await;
    let authorization = format!("Authorization: Bearer {}", ann.token);
    let cases = [
        (401, format!("POST {}", ann.tasks("")), vec![JSON]),
        (403, "POST /api/bob/tasks".to_owned(), vec![&*authorization, JSON]),
        (404, format!("PUT {}", ann.tasks("/x")), vec![&*authorization, JSON]),
        (404, "POST /nowhere".to_owned(), vec![]),
        (404, "POST /api/auth/nowhere".to_owned(), vec![]),
        (405, format!("DELETE {}", ann.tasks("")), vec![&*authorization]),
        (200, "GET /health/live".to_owned(), vec![]),
    ];
    let framings = [("Content-Length: 1000000", "x"), ("Transfer-Encoding: chunked", "1\r\nx\r\n")];
    let attempts = cases.iter().flat_map(|case| framings.iter().map(move |framing| (case, framing)));
    let attempts = attempts.map(async |((status, line, headers), (framing, piece))| {
        for trickle in ["", piece] {
            let mut connection = Connection::open(&server).await;
            let head = head(line, &[headers, &[*framing][..]].concat());
            connection.write(format!("{head}\r\n\r\n{piece}").as_bytes()).await;
            let answer = connection.answer_to_a_trickle(trickle.as_bytes()).await;
            assert_eq!((answer.status, answer.header("connection")), (*status, Some("close")), "{line} {framing}");
            assert_eq!(connection.answer_to_a_trickle(trickle.as_bytes()).await.status, 0, "{line} {framing}");
        }
    });
    join_all(attempts).await;
    assert_well(&server, &ann, 0).await;
}

/// Every head on a connection has a deadline.
#[tokio::test]
async fn a_head_that_does_not_come_to_its_end_ends_its_connection() {
    let server = Server::start_with(&IMPATIENT);
    let attempts = ["", "G", "GET /health/live HTTP/1.1", "GET /health/live HTTP/1.1\r\nHost: localhost\r\n"];
    let attempts = attempts.iter().flat_map(|start| ["", "x"].map(|trickle| (start, trickle)));
    let attempts = attempts.map(async |(start, trickle)| {
        let mut first = Connection::open(&server).await;
        first.write(start.as_bytes()).await;
        let answer = first.answer_to_a_trickle(trickle.as_bytes()).await;
        assert!([408, 400].contains(&answer.status), "{start:?} {trickle:?}: {answer:?}");
        assert_eq!(first.answer_to_a_trickle(trickle.as_bytes()).await.status, 0, "{start:?} {trickle:?}");

        let mut second = Connection::open(&server).await;
        second.write(HEALTH.as_bytes()).await;
        assert_eq!(second.answer().await.status, 200);
        second.write(start.as_bytes()).await;
        let answer = second.answer_to_a_trickle(trickle.as_bytes()).await;
        assert!([0, 400].contains(&answer.status), "{start:?} {trickle:?}: {answer:?}");
    });
    join_all(attempts).await;
}

/// Work that takes too long is answered with a 503 in the format of the API, and the connection stays open.
#[tokio::test]
async fn work_that_is_not_done_in_time_is_answered_503() {
    let mut server = Server::start_with(&[IMPATIENT[0], ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "16")]);
    let mut connection = Connection::open(&server).await;
    let body = r#"{"email":"nobody@example.test","password":"some password"}"#;
    let length = format!("Content-Length: {}", body.len());
    let request = format!("{}\r\n\r\n{body}", head(&format!("POST {SIGN_IN}"), &[JSON, &length]));
    connection.write(request.as_bytes()).await;
    let answer = connection.answer().await;
    let expected =
        r#"{"message":"The service is temporarily unavailable, please try again","code":"SERVICE_UNAVAILABLE"}"#;
    assert_eq!((answer.status, &*answer.body), (503, expected));
    assert_eq!((answer.header("retry-after"), answer.header("cache-control")), (Some("1"), Some("no-store")));
    connection.write(HEALTH.as_bytes()).await;
    assert_eq!(connection.answer().await.status, 200);
    server.terminate();
    server.wait();
    let log = server.log.lines();
    let id = answer.header("x-request-id").unwrap();
    let line = log.iter().find(|line| line.contains("not answered in time")).unwrap();
    assert!(line.contains(id) && line.contains(r#""status":503"#) && line.contains(r#""method":"POST""#), "{line}");
}

/// A client that disconnects frees the handler of its request at once, although the work on it has not ended.
#[tokio::test]
async fn a_client_that_disconnects_frees_its_handler() {
    let server = Server::start_with(&[
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "16"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
    ]);
    let in_flight = |scrape: &Scrape| scrape.count("taskbridge_http_requests_in_flight");
    let is_hashing = |scrape: &Scrape| scrape.count("taskbridge_hashing_busy") == 1;
    let body = r#"{"email":"nobody@example.test","password":"some password"}"#;
    let length = format!("Content-Length: {}", body.len());
    let head = head(&format!("POST {SIGN_IN}"), &[JSON, &length, "X-Request-Id: abandoned-1"]);
    let mut connection = Connection::open(&server).await;
    connection.write(format!("{head}\r\n\r\n{body}").as_bytes()).await;
    Scrape::until(&server, |scrape| in_flight(scrape) == 1 && is_hashing(scrape)).await;
    drop(connection);
    let scrape = Scrape::until(&server, |scrape| in_flight(scrape) == 0).await;
    assert!(is_hashing(&scrape), "the handler ended with the work on the request");
    let logged = async {
        loop {
            let log = server.log.lines();
            if let Some(line) = log.into_iter().find(|line| line.contains("request abandoned")) {
                break line;
            }
            tokio::task::yield_now().await;
        }
    };
    let line = tokio::time::timeout(Duration::from_secs(30), logged).await.unwrap();
    assert!(line.contains("abandoned-1") && line.contains(SIGN_IN) && line.contains(r#""method":"POST""#), "{line}");
}

/// A connection stays open between two requests for the configured time; with 0 it is closed after each response.
#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    for (seconds, header) in [("0", Some("close")), ("1", None)] {
        let server = Server::start_with(&[("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", seconds)]);
        let mut connection = Connection::open(&server).await;
        connection.write(HEALTH.as_bytes()).await;
        let answer = connection.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (200, header));
        assert_eq!(connection.answers().await, []);
    }
}

/// 300 idle connections of each kind do not delay other clients.
#[tokio::test]
async fn idle_connections_and_unfinished_requests_hold_nobody_up() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let starts = [String::new(), "GET /hea".into(), post(&ann, "Content-Length: 1000"), HEALTH.into()];
    let mut held = Vec::new();
    for start in &starts {
        for _ in 0..300 {
            let mut connection = Connection::open(&server).await;
            connection.write(start.as_bytes()).await;
            held.push(connection);
        }
    }
    ann.add(json!({ "title": "in between" })).await;
    assert_well(&server, &ann, 1).await;
    assert_eq!(held.len(), 1200);
}

/// Pipelined requests are not read before the previous answer has been sent: 100 kB of requests would take 24 MB of
/// memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn requests_sent_at_once_wait_outside() {
    let server = Server::start_with(&[
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__UNREAD_SECONDS", "600"),
    ]);
    let body = r#"{"email":"nobody@example.test","password":"some password"}"#;
    let length = format!("Content-Length: {}", body.len());
    let sign_in = format!("{}\r\n\r\n{body}", head(&format!("POST {SIGN_IN}"), &[JSON, &length]));
    let flood = "GET / HTTP/1.1\r\nHost:\r\n\r\n".repeat(20_000);
    let both = [sign_in, flood.clone()].concat();
    let before = server.memory();
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut connection = Connection::open_narrow(&server).await;
        connection.write_at_once(both.as_bytes());
        held.push(connection);
    }
    // Until all sign-ins are answered and all buffers are full.
    loop {
        let taken: usize = held.iter_mut().map(|connection| connection.write_at_once(flood.as_bytes())).sum();
        let mut other = Connection::open(&server).await;
        other.write(HEALTH.as_bytes()).await;
        assert_eq!(other.answer().await.status, 200);
        let signed_in = server.log.lines().iter().filter(|line| line.contains(SIGN_IN)).count();
        if taken == 0 && signed_in == held.len() {
            break;
        }
    }
    // The memory in which passwords were hashed is returned to the system after a few seconds.
    let started = Instant::now();
    loop {
        let grown = server.memory().saturating_sub(before);
        if grown < 48 << 20 {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{grown} bytes more");
        tokio::task::yield_now().await;
    }
}

/// A client that does not read its answers is disconnected.
#[tokio::test]
async fn answers_that_are_not_taken_end_their_connection() {
    let (server, ann) = impatient().await;
    for _ in 0..20 {
        ann.add(json!({ "title": "x", "description": "y".repeat(1000) })).await;
    }
    let authorization = format!("Authorization: Bearer {}", ann.token);
    let list = format!("{}\r\n\r\n", head(&format!("GET {}", ann.tasks("")), &[&authorization]));
    Connection::open(&server).await.write_until_closed(list.as_bytes()).await;
    assert_well(&server, &ann, 20).await;
}

/// If all connections have requests, a new one waits until another closes; existing ones are served, including their
/// database access.
#[tokio::test]
async fn beyond_the_number_of_connections_that_may_be_open_the_next_one_waits() {
    let settings = [
        ("TASKBRIDGE__SERVER__WORKERS", "2"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__MAX_CONNECTIONS_PER_NETWORK", "50"),
    ];
    let server = Server::start_with_few_files(100, &settings);
    let body = r#"{"name":"ann","email":"ann@example.test","password":"some password"}"#;
    let length = format!("Content-Length: {}", body.len());
    let sign_up = format!("{}\r\n\r\n", head("POST /api/auth/sign-up/email", &[JSON, &length, "Expect: 100-continue"]));
    let mut held = Vec::new();
    // The limit is half of the open files; the other half is for the database.
    for _ in 0..50 {
        let mut connection = Connection::open(&server).await;
        connection.write(sign_up.as_bytes()).await;
        assert_eq!(connection.answer().await.status, 100);
        held.push(connection);
    }
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut connection = Connection::open(&server).await;
        connection.write(HEALTH.as_bytes()).await;
        waiting.push(connection);
    }
    for connection in &mut waiting {
        assert!(!connection.has_more(), "it was served");
    }
    held[0].write(body.as_bytes()).await;
    assert_eq!(held[0].answer().await.status, 200);
    // The connection now waits for a request, so it is closed.
    assert_eq!(waiting[0].answer().await.status, 200);
    drop(held);
    for connection in &mut waiting[1..] {
        assert_eq!(connection.answer().await.status, 200);
    }
    let log = server.log.lines();
    assert!(log.iter().any(|line| line.contains("server.max_connections is more than half")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("ERROR")), "{log:#?}");
}

/// A shutdown completes requests in progress, even of slow clients, and closes idle connections at once.
#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_what_has_begun() {
    let mut server = Server::start_with(&[
        ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "600"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    let mut idle = Vec::new();
    for start in ["", "GET /hea", HEALTH].repeat(20) {
        let mut connection = Connection::open(&server).await;
        connection.write(start.as_bytes()).await;
        if start == HEALTH {
            assert_eq!(connection.answer().await.status, 200);
        }
        idle.push(connection);
    }
    let mut slow = Connection::open(&server).await;
    slow.write(post(&ann, "Content-Length: 13\r\nExpect: 100-continue").as_bytes()).await;
    assert_eq!(slow.answer().await.status, 100);
    server.terminate();
    // Idle connections are closed first, so the server is stopping.
    for mut connection in idle {
        assert_eq!(connection.answers().await, []);
    }
    slow.write(br#"{"title":"x"}"#).await;
    let answer = slow.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
    assert_eq!(slow.answers().await, []);
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log.lines().last().unwrap().contains("stopped"));
    let server = server.again();
    let token = Forge::of(&server).token(&ann.id);
    let list = reqwest::Client::new().get(server.url(&ann.tasks(""))).bearer_auth(token).send().await.unwrap();
    assert_eq!(list.json::<Value>().await.unwrap()[0]["title"], "x");
}
