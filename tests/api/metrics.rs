//! Metrics, and the port that serves them.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::metrics::Scrape;
use support::raw::{request, send_unfinished};
use support::server::{SECRET, refuse_to_start};
use support::user::PASSWORD;
use support::{Server, User};

use crate::refusals::series;

/// Serves metrics on a free port.
const SHOWN: (&str, &str) = ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0");

const REQUESTS: &str = "taskbridge_http_requests_total";
const IN_FLIGHT: &str = "taskbridge_http_requests_in_flight";
const DURATIONS: &str = "taskbridge_http_request_duration_seconds";

#[tokio::test]
async fn requests_are_counted_and_timed_by_method_route_and_status() {
    let server = Server::start_with(&[SHOWN]);
    let ann = User::sign_up(&server, "ann").await;
    for _ in 0..3 {
        ann.list().await;
    }
    ann.get(&ann.tasks("/7")).await;
    ann.anonymous(Method::GET, &ann.tasks("")).send().await.unwrap();

    let scrape = Scrape::of(&server).await;
    let count = |method: &str, route: &str, status: u16| {
        scrape.count(&format!("{REQUESTS}{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"))
    };
    assert_eq!(count("POST", "/api/auth/sign-up/email", 200), 1);
    assert_eq!(count("GET", "/api/{user_id}/tasks", 200), 3);
    assert_eq!(count("GET", "/api/{user_id}/tasks", 401), 1);
    assert_eq!(count("GET", "/api/{user_id}/tasks/{task_id}", 404), 1);
    assert_eq!(scrape.all(REQUESTS).count(), 4);

    // Every request has a duration: the list takes less than ten seconds, the password hash more than a millisecond.
    let list = r#"method="GET",route="/api/{user_id}/tasks""#;
    assert_eq!(scrape.count(&format!("{DURATIONS}_count{{{list}}}")), 4);
    assert_eq!(scrape.count(&format!("{DURATIONS}_bucket{{le=\"10.0\",{list}}}")), 4);
    let sign_up = r#"method="POST",route="/api/auth/sign-up/email""#;
    assert_eq!(scrape.count(&format!("{DURATIONS}_bucket{{le=\"0.001\",{sign_up}}}")), 0);
    assert_eq!(scrape.count(&format!("{DURATIONS}_count{{{sign_up}}}")), 1);
    assert!(scrape.measure(&format!("{DURATIONS}_sum{{{sign_up}}}")) > 0.001);
    assert_eq!(scrape.count(IN_FLIGHT), 0);

    // Metrics of the process and of its dependencies.
    assert_eq!(
        scrape.all("taskbridge_build_info{version=\"").map(|series| scrape.count(series)).collect::<Vec<_>>(),
        [1]
    );
    let (open, idle) = ("taskbridge_database_connections", "taskbridge_database_connections_idle");
    assert!(scrape.count(open) >= 1 && scrape.count(idle) <= scrape.count(open));
    assert!(scrape.count("process_resident_memory_bytes") > 1_000_000);
    let age = support::forge::now() - scrape.count("process_start_time_seconds");
    assert!(age < 60, "{age}");
}

/// Clients cannot create time series with made-up paths or methods.
#[tokio::test]
async fn what_clients_make_up_is_one_label() {
    let server = Server::start_with(&[SHOWN]);
    let ann = User::sign_up(&server, "ann").await;
    for number in 0..30 {
        for line in [
            format!("GET /nowhere/{number} HTTP/1.1"),
            format!("GET /api/auth/nowhere/{number} HTTP/1.1"),
            format!("MADE-UP-{number} /made/up HTTP/1.1"),
            format!("MADE-UP-{number} /api/user-{number}/tasks/{number} HTTP/1.1"),
            format!("GET /api/user-{number}/tasks?made={number} HTTP/1.1"),
            format!("GET /api/%22%0A%7D{number}/tasks HTTP/1.1"),
        ] {
            let id = format!("X-Request-Id: made-up-{number}");
            assert_ne!(send_unfinished(&server, &request(&line, &[&id], b"")).await.status, 0, "{line}");
        }
    }
    ann.list().await;
    let scrape = Scrape::of(&server).await;
    let requests: Vec<_> = scrape.all(REQUESTS).map(|series| series.strip_prefix(REQUESTS).unwrap()).collect();
    let expected = [
        r#"{method="GET",route="/api/{user_id}/tasks",status="200"}"#,
        r#"{method="GET",route="/api/{user_id}/tasks",status="401"}"#,
        r#"{method="GET",route="none",status="404"}"#,
        r#"{method="POST",route="/api/auth/sign-up/email",status="200"}"#,
        r#"{method="other",route="/api/{user_id}/tasks/{task_id}",status="405"}"#,
        r#"{method="other",route="none",status="404"}"#,
    ];
    assert_eq!(requests, expected);
    assert_eq!(scrape.count(&format!("{REQUESTS}{}", expected[2])), 60);
    let buckets = scrape.all(&format!("{DURATIONS}_bucket")).count();
    assert_eq!(buckets, 17 * 5, "17 for each of the five pairs of method and route");
}

const BUSY: &str = "taskbridge_hashing_busy";
const WAITING: &str = "taskbridge_hashing_waiting";

/// The queue of the hashing threads: running, waiting and rejected jobs.
#[tokio::test]
async fn the_hashing_queue_is_shown() {
    let server = Server::start_with(&[
        SHOWN,
        ("TASKBRIDGE__PASSWORDS__THREADS", "1"),
        ("TASKBRIDGE__PASSWORDS__QUEUE", "1"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "12"),
    ]);
    let sign_in = || async {
        let credentials = json!({ "email": "ann@example.test", "password": PASSWORD });
        let url = server.url("/api/auth/sign-in/email");
        reqwest::Client::new().post(url).json(&credentials).send().await.unwrap().status()
    };
    // Continue until the queue has been full.
    let is_seen = AtomicBool::new(false);
    let caller = || async {
        let mut answers = vec![sign_in().await];
        while !is_seen.load(Ordering::Relaxed) {
            answers.push(sign_in().await);
        }
        answers
    };
    let storm = join_all((0..8).map(|_| caller()));
    let full = async {
        let full = Scrape::until(&server, |scrape| scrape.count(BUSY) == 1 && scrape.count(WAITING) == 1).await;
        is_seen.store(true, Ordering::Relaxed);
        full
    };
    let (answers, full) = futures_util::future::join(storm, full).await;
    let answers = answers.concat();
    assert!(full.count(IN_FLIGHT) >= 2);
    let refused = answers.iter().filter(|status| **status == StatusCode::SERVICE_UNAVAILABLE).count();
    assert!(refused > 0 && answers.contains(&StatusCode::UNAUTHORIZED), "{answers:?}");
    let after = Scrape::until(&server, |scrape| scrape.count(BUSY) == 0 && scrape.count(WAITING) == 0).await;
    assert_eq!(after.count("taskbridge_hashing_refused_total"), refused as u64);
    assert_eq!(after.count(&series(503, "too_many_passwords")), refused as u64);
    assert_eq!(after.count(IN_FLIGHT), 0);
}

/// A request is not in flight any more once its client has disconnected.
#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_in_flight() {
    let server = Server::start_with(&[SHOWN]);
    let ann = User::sign_up(&server, "ann").await;
    let half = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{",
        ann.tasks(""),
        ann.token
    );
    let mut connection = tokio::net::TcpStream::connect(&server.address).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut connection, half.as_bytes()).await.unwrap();
    Scrape::until(&server, |scrape| scrape.count(IN_FLIGHT) == 1).await;
    drop(connection);
    Scrape::until(&server, |scrape| scrape.count(IN_FLIGHT) == 0).await;
}

/// Disabled by default, never on the port of the API, and with nothing else on their own port.
#[tokio::test]
async fn metrics_are_on_a_port_of_their_own_or_nowhere() {
    let status = async |url: String| reqwest::get(url).await.unwrap().status();
    let mut server = Server::start();
    assert_eq!(server.metrics, None);
    assert_eq!(status(server.url("/metrics")).await, StatusCode::NOT_FOUND);
    server.terminate();
    server.wait();
    assert!(!server.log.text().contains("starting service"), "that of the metrics");

    let mut server = Server::start_with(&[SHOWN]);
    let metrics = server.metrics.clone().unwrap();
    assert_eq!(status(server.url("/metrics")).await, StatusCode::NOT_FOUND);
    assert_eq!(status(format!("http://{metrics}/metrics")).await, StatusCode::OK);
    for path in ["/", "/health/live", "/api/x/tasks", "/metrics/"] {
        assert_eq!(status(format!("http://{metrics}{path}")).await, StatusCode::NOT_FOUND, "{path}");
    }
    // It does not delay a shutdown.
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(tokio::net::TcpStream::connect(metrics).await.is_err());
}

/// The message is that of the API port.
#[test]
fn a_metrics_port_in_use_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, message) =
        refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__METRICS__ADDRESS", &address)]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains(&format!("metrics.address: cannot listen on {address}")), "{message}");
}
