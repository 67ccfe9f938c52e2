//! Failures of PostgreSQL under a running server, and of the network to it.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::postgres::Cluster;
use support::proxy::Proxy;
use support::{Server, User};

use crate::watch::{assert_unavailable, list_status, status, until_list_is};

const OK: StatusCode = StatusCode::OK;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Keeps tests of a database that does not answer short.
const QUICK: [(&str, &str); 2] =
    [("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1"), ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "1")];

fn server_on(url: &str) -> Server {
    let mut variables = vec![("DATABASE_URL", url)];
    variables.extend(QUICK);
    Server::start_with(&variables)
}

/// Starts a server that reaches the database of the cluster through a proxy.
fn server_through(cluster: &Cluster) -> (Server, Proxy) {
    let (proxy, url) = Proxy::before(&cluster.url());
    (server_on(&url), proxy)
}

/// A database that is killed in use, and started again later.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_503_until_it_is_back() {
    let mut cluster = Cluster::start();
    let server = server_on(&cluster.url());
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "before" })).await;

    cluster.kill();
    until_list_is(&ann, UNAVAILABLE).await;
    // The first requests may wait for a connection; the later ones must not.
    let started = Instant::now();
    for _ in 0..20 {
        assert_unavailable(ann.get(&ann.tasks("")).await).await;
        let add = ann.request(Method::POST, &ann.tasks("")).json(&json!({ "title": "x" }));
        assert_unavailable(add.send().await.unwrap()).await;
    }
    let refused = started.elapsed();
    assert!(refused < Duration::from_secs(10), "each of 40 requests waited: {refused:?}");
    assert_eq!(status(&ann, "/health/live").await, OK);
    assert_eq!(status(&ann, "/health/ready").await, UNAVAILABLE);
    // A missing token is reported even if the database is down.
    assert_eq!(status(&ann, &ann.tasks("")).await, StatusCode::UNAUTHORIZED);

    cluster.start_again();
    let recovery = until_list_is(&ann, OK).await;
    assert_eq!(ann.list().await, json!([task]));
    assert_eq!(status(&ann, "/health/ready").await, OK);
    println!("killed database: 40 requests answered 503 within {refused:?}, first 200 {recovery:?} after it was back");
}

/// A restart between two requests has no effect on clients.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_requests_goes_unseen() {
    let mut cluster = Cluster::start();
    let server = server_on(&cluster.url());
    let ann = User::sign_up(&server, "ann").await;
    for round in 0..3 {
        cluster.restart();
        let asked = Instant::now();
        assert_eq!(list_status(&ann).await, Some(OK), "round {round}");
        println!("restart: first 200 after {:?}", asked.elapsed());
    }
}

/// Connections that disappear without being closed, as with a suspended serverless database or a firewall.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_cut_silently_are_replaced() {
    let cluster = Cluster::start();
    let (server, proxy) = server_through(&cluster);
    let ann = User::sign_up(&server, "ann").await;
    // Opens several connections, each of which will be dead.
    futures_util::future::join_all((0..20).map(|_| ann.list())).await;
    proxy.cut_silently();
    // A connection that was used a moment ago is not tested: one request fails, and the next succeed.
    let asked = Instant::now();
    let first = list_status(&ann).await;
    println!("cut silently: first answer {first:?} after {:?}", asked.elapsed());
    assert!(asked.elapsed() < Duration::from_secs(5));
    let recovery = until_list_is(&ann, OK).await;
    assert!(recovery < Duration::from_secs(5), "{recovery:?}");
    for _ in 0..20 {
        assert_eq!(list_status(&ann).await, Some(OK));
    }

    // A connection that was idle for a second is tested first, so no request fails.
    proxy.cut_silently();
    let cut = Instant::now();
    while cut.elapsed() < Duration::from_millis(1200) {
        assert_eq!(status(&ann, "/health/live").await, OK);
    }
    assert_eq!(list_status(&ann).await, Some(OK));
}

/// If connections close during a request, a read is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_were_closed_are_replaced_unseen() {
    let cluster = Cluster::start();
    let (server, proxy) = server_through(&cluster);
    let ann = User::sign_up(&server, "ann").await;
    for _ in 0..20 {
        futures_util::future::join_all((0..8).map(|_| ann.list())).await;
        proxy.cut();
        assert_eq!(list_status(&ann).await, Some(OK));
    }
}

/// While all statements wait for a lock, requests are answered with 503 in time, and the server stays live.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_exhausts_the_pool_is_503_and_passes() {
    let cluster = Cluster::start();
    let server = server_on(&cluster.url());
    let ann = User::sign_up(&server, "ann").await;
    let lock = cluster.lock("tasks");
    let asked = Instant::now();
    let path = ann.tasks("");
    let requests = (0..40).map(|_| ann.get(&path));
    for response in futures_util::future::join_all(requests).await {
        assert_unavailable(response).await;
    }
    let waited = asked.elapsed();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert_eq!(status(&ann, "/health/live").await, OK);
    lock.release();
    let recovery = until_list_is(&ann, OK).await;
    println!("lock: 40 requests answered 503 within {waited:?}, first 200 {recovery:?} after its release");
}

/// Clients that disconnect during a request do not occupy connections.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_take_no_connection_with_them() {
    let cluster = Cluster::start();
    let server = server_on(&cluster.url());
    let ann = User::sign_up(&server, "ann").await;
    let lock = cluster.lock("tasks");
    for _ in 0..100 {
        let impatient = ann.request(Method::GET, &ann.tasks("")).timeout(Duration::from_millis(5)).send();
        assert!(impatient.await.is_err());
    }
    lock.release();
    until_list_is(&ann, OK).await;
    for number in 0..20 {
        let task = ann.add(json!({ "title": format!("task {number}") })).await;
        assert_eq!(ann.get(&ann.tasks(&format!("/{}", task["id"]))).await.json::<Value>().await.unwrap(), task);
    }
}
