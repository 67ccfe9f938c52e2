//! Statements whose client has disconnected, and statements whose answer is lost.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::postgres::Cluster;
use support::proxy::Proxy;
use support::{Server, User};

use crate::watch::{assert_outcome_unknown, titles, until, until_write_is};

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;

/// An SQL condition: the session waits for a lock.
const WAITS_FOR_LOCK: &str = "wait_event_type = 'Lock'";

/// Number of sessions outside of the pool, which probe the server or open a new connection.
const BESIDE_THE_POOL: usize = 2;

/// Returns a reading and a writing request for each of these clients.
fn requests(user: &User, count: usize) -> impl Iterator<Item = RequestBuilder> {
    (0..count).map(|number| match number % 2 {
        0 => user.request(Method::GET, &user.tasks("")),
        _ => user.request(Method::POST, &user.tasks("")).json(&json!({ "title": "abandoned" })),
    })
}

/// Size of the server's connection pool.
const CONNECTIONS: usize = 4;

/// Starts a server whose statements have no timeout within the time of these tests.
fn patient_server_on(cluster: &Cluster, variables: &[(&str, &str)]) -> Server {
    let (url, connections) = (cluster.url(), CONNECTIONS.to_string());
    let all = [
        ("DATABASE_URL", url.as_str()),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", &connections),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "120"),
    ];
    Server::start_with(&[&all, variables].concat())
}

/// Waits until no statement waits for a lock. Returns how long that took.
async fn until_none_waits(cluster: &Cluster) -> Duration {
    until("no statement waits for a lock", async || cluster.sessions(WAITS_FOR_LOCK) == 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_requests_that_take_too_long_are_cancelled() {
    let cluster = Cluster::start();
    let server = patient_server_on(&cluster, &[("TASKBRIDGE__SERVER__REQUEST_SECONDS", "1")]);
    let ann = User::sign_up(&server, "ann").await;
    let census = cluster.census();
    let lock = cluster.lock("tasks");
    for _ in 0..4 {
        for response in join_all(requests(&ann, 12).map(RequestBuilder::send)).await {
            assert_eq!(response.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
    let cancelled = until_none_waits(&cluster).await;
    let most = census.most();
    assert!(most <= CONNECTIONS + BESIDE_THE_POOL, "{most} sessions");
    println!("requests took too long: their statements were cancelled within {cancelled:?}, {most} sessions");

    lock.release();
    until_write_is(&ann, "after", CREATED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_do_not_return_are_of_unknown_outcome_and_keep_no_connection() {
    const CONNECTIONS: usize = 8;
    let cluster = Cluster::start();
    let server = Server::start_with(&[
        ("DATABASE_URL", &cluster.url()),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", &CONNECTIONS.to_string()),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "1"),
        // Long enough for every request to get a connection.
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "60"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "60"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "before" })).await;

    // A commit waits for a standby that does not exist; no timeout of the server applies to that.
    cluster.set("synchronous_standby_names", "nobody");
    let census = cluster.census();
    let path = ann.tasks("");
    let titled = |number| ann.request(Method::POST, &path).json(&json!({ "title": format!("write {number}") })).send();
    let responses = join_all((0..40).map(titled)).await;
    let most = census.most();
    assert!(most <= CONNECTIONS + BESIDE_THE_POOL, "{most} sessions");
    for response in responses {
        assert_outcome_unknown(response.unwrap()).await;
    }

    cluster.reset("synchronous_standby_names");
    until_write_is(&ann, "after", CREATED).await;
    let mut there = titles(&ann).await;
    assert!(there.contains(&"before".into()), "{there:?}");
    there.retain(|title| title.starts_with("write"));
    let count = there.len();
    there.sort_unstable();
    there.dedup();
    assert_eq!(there.len(), count, "a write is there twice: {there:?}");
    println!("commits that do not return: {count} of 40 writes are there, {most} sessions");
}

/// Starts a server with a single connection, through a proxy.
fn server_with_one_connection(cluster: &Cluster) -> (Server, Proxy) {
    let (proxy, url) = Proxy::before(&cluster.url());
    let server = Server::start_with(&[
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1"),
        ("TASKBRIDGE__SERVER__WORKERS", "1"),
    ]);
    (server, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_of_unknown_outcome_and_not_repeated() {
    let cluster = Cluster::start();
    let (server, proxy) = server_with_one_connection(&cluster);
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "before" })).await;
    let (add, toggle) = (ann.tasks(""), ann.tasks(&format!("/{}/complete", task["id"])));
    // The toggle ignores the title.
    for (method, path, tag) in [(Method::POST, add, "INSERT 0 1"), (Method::PATCH, toggle, "UPDATE 1")] {
        proxy.swallow(tag);
        let response = ann.request(method, &path).json(&json!({ "title": "once" })).send().await.unwrap();
        assert!(proxy.has_swallowed());
        assert_outcome_unknown(response).await;
    }
    assert_eq!(titles(&ann).await, ["before", "once"]);
    let toggled = ann.get(&ann.tasks(&format!("/{}", task["id"]))).await.json::<Value>().await.unwrap();
    assert_eq!(toggled["completed"], true);
    ann.add(json!({ "title": "after" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_whose_answer_is_lost_is_repeated() {
    let cluster = Cluster::start();
    let (server, proxy) = server_with_one_connection(&cluster);
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "x" })).await;
    for (path, expected) in [(ann.tasks(&format!("/{}", task["id"])), task.clone()), (ann.tasks(""), json!([task]))] {
        proxy.swallow("SELECT 1");
        let response = ann.get(&path).await;
        assert!(proxy.has_swallowed());
        assert_eq!(response.status(), OK);
        assert_eq!(response.json::<Value>().await.unwrap(), expected);
    }
}
