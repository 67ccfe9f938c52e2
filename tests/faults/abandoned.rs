//! Statements whose client has disconnected, and statements whose answer is lost.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use support::postgres::Cluster;
use support::proxy::Proxy;
use support::raw::{Answer, Connection, request, send};
use support::user::PASSWORD;
use support::{Server, User};
use tokio::time::timeout;

use crate::watch::{assert_outcome_unknown, titles, until, until_write_is};

const JSON: &str = "Content-Type: application/json";

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

/// Number of these connections that requests for tasks do not use.
const RESERVED: usize = 1;

/// Starts a server whose statements have no timeout within the time of these tests.
fn patient_server_on(cluster: &Cluster, variables: &[(&str, &str)]) -> Server {
    let (url, connections) = (cluster.url(), CONNECTIONS.to_string());
    let all = [
        ("DATABASE_URL", url.as_str()),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", &connections),
        // A shared connection would not be available to the statements that wait.
        ("TASKBRIDGE__DATABASE__SHARE_CONNECTIONS", "false"),
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
    // Hashing the password of a sign-up can take longer than a second.
    let ann = User::sign_up(&patient_server_on(&cluster, &[]), "ann").await;
    let server = patient_server_on(&cluster, &[("TASKBRIDGE__SERVER__REQUEST_SECONDS", "1")]);
    let ann = ann.at(&server);
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

/// Sends a request on a new connection and disconnects if the answer takes longer than `delay`.
async fn send_impatiently(server: &Server, request: &[u8], delay: Duration) -> Option<Answer> {
    let mut connection = Connection::open(server).await;
    connection.write(request).await;
    timeout(delay, connection.answer()).await.ok()
}

/// Returns a request that adds a task.
fn addition(user: &User, title: &str) -> Vec<u8> {
    let authorization = format!("Authorization: Bearer {}", user.token);
    let line = format!("POST {} HTTP/1.1", user.tasks(""));
    request(&line, &[&authorization, JSON], json!({ "title": title }).to_string().as_bytes())
}

/// Lets clients disconnect at different moments while they add tasks and sign up.
async fn assert_abandoned_requests_are_done_or_not(mut server: Server) {
    let ann = User::sign_up(&server, "ann").await;
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let additions = (0..40).map(async |number| {
            let title = format!("{round}: {number}");
            let delay = Duration::from_millis(number * number / 10);
            let answer = send_impatiently(&server, &addition(&ann, &title), delay).await;
            answer.is_some_and(|answer| answer.status == 201).then_some(title)
        });
        acknowledged.extend(join_all(additions).await.into_iter().flatten());
    }
    let sign_up = |name: &str| {
        let body = json!({ "name": name, "email": format!("{name}@example.test"), "password": PASSWORD }).to_string();
        request("POST /api/auth/sign-up/email HTTP/1.1", &[JSON], body.as_bytes())
    };
    let names: Vec<_> = (0..16).map(|number| format!("user-{number}")).collect();
    let sign_ups = names.iter().zip(0..).map(async |(name, number)| {
        let answer = send_impatiently(&server, &sign_up(name), Duration::from_millis(100 * number)).await;
        answer.is_some_and(|answer| answer.status == 200)
    });
    let signed_up = join_all(sign_ups).await;

    // All connections of the pool work.
    for response in join_all(requests(&ann, 40).map(RequestBuilder::send)).await {
        assert!(response.unwrap().status().is_success());
    }
    // A crash loses nothing that was acknowledged.
    server.kill();
    let server = server.again();
    let ann = ann.at(&server);
    let mut there = titles(&ann).await;
    there.retain(|title| title != "abandoned");
    let missing: Vec<_> = acknowledged.iter().filter(|title| !there.contains(title)).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    let count = there.len();
    there.sort_unstable();
    there.dedup();
    assert_eq!(there.len(), count, "a write is there twice: {there:?}");
    // A user exists with the password or not at all.
    for (name, is_acknowledged) in names.iter().zip(&signed_up) {
        let credentials = json!({ "email": format!("{name}@example.test"), "password": PASSWORD });
        let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials);
        if sign_in.send().await.unwrap().status() != OK {
            assert!(!is_acknowledged, "{name} was acknowledged and lost");
            assert_eq!(send(&server, &sign_up(name)).await.status, 200, "{name} exists in part");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_clients_that_disconnect_are_done_or_not_on_postgres() {
    let cluster = Cluster::start();
    let connections = CONNECTIONS.to_string();
    let variables = [("DATABASE_URL", &*cluster.url()), ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", &connections)];
    assert_abandoned_requests_are_done_or_not(Server::start_with(&variables)).await;
    assert_eq!(cluster.sessions("state like 'idle in transaction%'"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_clients_that_disconnect_are_done_or_not_on_sqlite() {
    assert_abandoned_requests_are_done_or_not(Server::start_with(&[("DATABASE_URL", "sqlite://tasks.db")])).await;
}

/// PostgreSQL cancels the statements of these clients while the lock that they wait for is still held.
#[tokio::test(flavor = "multi_thread")]
async fn statements_of_clients_that_disconnect_are_cancelled() {
    let cluster = Cluster::start();
    let server = patient_server_on(&cluster, &[("TASKBRIDGE__SERVER__REQUEST_SECONDS", "120")]);
    let ann = User::sign_up(&server, "ann").await;
    let census = cluster.census();
    let lock = cluster.lock("tasks");
    for _ in 0..4 {
        let mut clients = Vec::new();
        for _ in 0..12 {
            let mut connection = Connection::open(&server).await;
            connection.write(&addition(&ann, "abandoned")).await;
            clients.push(connection);
        }
        until("all connections for tasks wait", async || cluster.sessions(WAITS_FOR_LOCK) == CONNECTIONS - RESERVED)
            .await;
        drop(clients);
        until_none_waits(&cluster).await;
    }
    let most = census.most();
    assert!(most <= CONNECTIONS + BESIDE_THE_POOL, "{most} sessions");
    lock.release();
    until_write_is(&ann, "after", CREATED).await;
    assert_eq!(titles(&ann).await, ["after"]);
}
