//! Floods of requests whose passwords are hashed. Hashing is the most expensive work that an anonymous client can cause.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use support::Server;
use support::metrics::Scrape;
use support::raw::{Connection, request};
use support::user::PASSWORD;

use crate::limits::BEHIND_A_PROXY;
use crate::site::{JSON, SIGN_IN, SIGN_UP};

const BUSY: &str = "taskbridge_hashing_busy";
const WAITING: &str = "taskbridge_hashing_waiting";

/// Starts a server behind a proxy, which hashes one password at a time and lets 8 wait, as long as that takes.
fn server_with_one_thread(bcrypt_cost: &str) -> Server {
    Server::start_with(&[
        BEHIND_A_PROXY,
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", bcrypt_cost),
        ("TASKBRIDGE__PASSWORDS__THREADS", "1"),
        ("TASKBRIDGE__PASSWORDS__QUEUE", "8"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
    ])
}

async fn post_from(server: &Server, ip: &str, path: &str, body: &Value) -> Response {
    Client::new().post(server.url(path)).header("X-Forwarded-For", ip).json(body).send().await.unwrap()
}

/// Sixteen addresses of one IPv6 /60 fill the queue with sign-ins and sign-ups. Users elsewhere sign in nevertheless.
#[tokio::test]
async fn a_flood_from_one_network_keeps_no_other_from_signing_in() {
    let server = server_with_one_thread("10");
    let ann = json!({ "name": "Ann", "email": "ann@example.test", "password": PASSWORD });
    assert_eq!(post_from(&server, "198.51.100.1", SIGN_UP, &ann).await.status(), 200);
    let has_ended = AtomicBool::new(false);
    // Each attacker continues until it is refused, so that the queue stays full.
    let attacker = async |number: usize| {
        let ip = format!("2001:db8:0:a0{number:x}::1");
        let mut statuses = Vec::new();
        for attempt in 0.. {
            let email = format!("attacker-{number}-{attempt}@example.test");
            let path = if attempt % 2 == 0 { SIGN_IN } else { SIGN_UP };
            let body = json!({ "name": "x", "email": email, "password": PASSWORD });
            let response = post_from(&server, &ip, path, &body).await;
            statuses.push(response.status().as_u16());
            if response.status() == 503 {
                assert_eq!(response.headers()["retry-after"], "1");
            }
            if response.status() == 503 || has_ended.load(Ordering::Relaxed) {
                break;
            }
        }
        statuses
    };
    let users = async {
        Scrape::until(&server, |scrape| scrape.count(WAITING) == 8).await;
        let mut statuses = Vec::new();
        for ip in ["198.51.100.1", "203.0.113.7", "2001:db8:1::1"] {
            statuses.push(post_from(&server, ip, SIGN_IN, &ann).await.status().as_u16());
        }
        has_ended.store(true, Ordering::Relaxed);
        statuses
    };
    let (flood, users) = join(join_all((0..16).map(attacker)), users).await;
    assert_eq!(users, [200, 200, 200]);
    let flood = flood.concat();
    let refused = flood.iter().filter(|status| **status == 503).count();
    assert!(refused >= 7, "one is hashed, and at most eight wait: {flood:?}");
    assert!(flood.contains(&401), "{flood:?}");
    let scrape = Scrape::of(&server).await;
    assert_eq!(scrape.count("taskbridge_hashing_refused_total"), refused as u64);
}

/// The password of a client that hangs up while it waits is not hashed.
#[tokio::test]
async fn a_client_that_hangs_up_leaves_the_queue() {
    let server = server_with_one_thread("16");
    let connect = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD }).to_string();
        let mut connection = Connection::open(&server).await;
        connection.write(&request(&format!("POST {SIGN_IN} HTTP/1.1"), &[JSON], body.as_bytes())).await;
        connection
    };
    let mut hashed = connect("first@example.test").await;
    Scrape::until(&server, |scrape| scrape.count(BUSY) == 1 && scrape.count(WAITING) == 0).await;
    let waiting = connect("second@example.test").await;
    Scrape::until(&server, |scrape| scrape.count(WAITING) == 1).await;
    drop(waiting);
    Scrape::until(&server, |scrape| scrape.count(WAITING) == 0).await;
    // The first client still waits for its answer, so the only thread has not begun with the password of the other one.
    assert!(!hashed.has_more());
}
