//! URLs with several servers, of which one accepts writes, and servers that only accept reads.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::postgres::{Cluster, fresh_database, psql};
use support::proxy::Proxy;
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};
use tokio::net::TcpSocket;

use crate::watch::{assert_unavailable, list_status, status, titles, until, until_ready_is, until_write_is, write};

const OK: StatusCode = StatusCode::OK;
const CREATED: StatusCode = StatusCode::CREATED;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Makes every transaction of a server read-only, unless the client asks for another one.
const READ_ONLY: &str = "default_transaction_read_only";

/// Keeps tests of an unavailable database short.
const QUICK: (&str, &str) = ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1");

fn server_on(url: &str) -> Server {
    Server::start_with(&[("DATABASE_URL", url)])
}

/// Returns a URL that selects whichever server accepts writes.
fn writable_one_of(first: &Cluster, second: &Cluster) -> String {
    let hosts = [first, second].map(Cluster::address).join(",");
    format!("postgres://postgres@{hosts}/postgres?target_session_attrs=read-write")
}

/// Returns a port that refuses connections. No other program gets it before this is dropped.
fn dead_port() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_takes_over_and_nothing_acknowledged_is_lost() {
    let mut primary = Cluster::start();
    let standby = primary.standby();
    let server = Server::start_with(&[("DATABASE_URL", &writable_one_of(&primary, &standby)), QUICK]);
    let ann = User::sign_up(&server, "ann").await;
    for number in 0..10 {
        ann.add(json!({ "title": format!("before {number}") })).await;
    }
    let acknowledged = titles(&ann).await;

    primary.kill();
    until_write_is(&ann, "lost", UNAVAILABLE).await;
    until_ready_is(&ann, UNAVAILABLE).await;
    for _ in 0..5 {
        assert_unavailable(write(&ann, "refused").await).await;
        assert_eq!(status(&ann, "/health/ready").await, UNAVAILABLE);
        assert_eq!(status(&ann, "/health/live").await, OK);
    }

    standby.promote();
    let recovery = until_write_is(&ann, "after", CREATED).await;
    until_ready_is(&ann, OK).await;
    println!("failover: first 201 {recovery:?} after the standby was promoted");
    for number in 0..10 {
        assert_eq!(write(&ann, &format!("after {number}")).await.status(), CREATED);
    }
    let there = titles(&ann).await;
    assert_eq!(there[..10], acknowledged);
    assert!(!there.iter().any(|title| title == "refused"), "{there:?}");
}

/// A single address, which another server takes over.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_takes_over_the_address_is_used_once_it_is_promoted() {
    let mut primary = Cluster::start();
    let standby = primary.standby();
    let (proxy, url) = Proxy::before(&primary.url());
    let server = Server::start_with(&[("DATABASE_URL", &url), QUICK]);
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "before" })).await;

    primary.kill();
    proxy.redirect(&standby.address());
    proxy.cut();
    until_ready_is(&ann, UNAVAILABLE).await;
    for _ in 0..5 {
        assert_eq!(write(&ann, "refused").await.status(), UNAVAILABLE);
        assert_eq!(status(&ann, "/health/ready").await, UNAVAILABLE);
    }

    standby.promote();
    until_write_is(&ann, "after", CREATED).await;
    until_ready_is(&ann, OK).await;
    assert_eq!(titles(&ann).await, ["before", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_a_demoted_primary_is_repeated_on_the_new_one() {
    let primary = Cluster::start();
    let standby = primary.standby();
    let server = server_on(&writable_one_of(&primary, &standby));
    let ann = User::sign_up(&server, "ann").await;
    // Opens several connections, each of which will fail.
    join_all((0..8).map(|number| ann.add(json!({ "title": format!("before {number}") })))).await;

    standby.promote();
    primary.set(READ_ONLY, "on");
    assert_eq!(write(&ann, "next").await.status(), CREATED);
    let responses = join_all((0..8).map(|_| write(&ann, "after"))).await;
    assert!(responses.iter().all(|response| response.status() == CREATED), "{responses:?}");
    assert_eq!(status(&ann, "/health/ready").await, OK);
    let count = |cluster: &Cluster| psql(&cluster.url(), "select count(*) from tasks");
    assert_eq!((count(&primary), count(&standby)), ("8".into(), "17".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_of_a_url_that_are_down_are_passed_over() {
    let (first, second) = (dead_port(), dead_port());
    for parameters in ["", "?target_session_attrs=read-write", "?target_session_attrs=any"] {
        // A name may have several addresses, and PostgreSQL listens on one of them.
        let url = fresh_database().replacen("127.0.0.1", "localhost", 1);
        let url = url.replacen('@', &format!("@{},{},", first.1, second.1), 1);
        let server = server_on(&format!("{url}{parameters}"));
        let ann = User::sign_up(&server, "ann").await;
        let task = ann.add(json!({ "title": "x" })).await;
        assert_eq!(ann.list().await, json!([task]), "{parameters}");
        assert_eq!(status(&ann, "/health/ready").await, OK, "{parameters}");
    }
}

/// Asserts that the start fails with an error about the server, rather than about a statement.
fn assert_refused_as_read_only(url: &str) {
    for migrate in ["true", "false"] {
        let (status, log) = refuse_to_start(&[
            ("BETTER_AUTH_SECRET", SECRET),
            ("DATABASE_URL", url),
            ("TASKBRIDGE__DATABASE__MIGRATE", migrate),
            ("TASKBRIDGE__DATABASE__START_SECONDS", "1"),
            QUICK,
        ]);
        assert_eq!(status.code(), Some(1), "{log}");
        let error = log.lines().last().unwrap();
        assert!(error.contains("read-only") && !error.contains("CREATE TABLE"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_server_that_is_read_only_is_refused() {
    let cluster = Cluster::start();
    cluster.set(READ_ONLY, "on");
    assert_refused_as_read_only(&cluster.url());
    cluster.reset(READ_ONLY);
    // With an existing schema, a start writes nothing.
    drop(server_on(&cluster.url()));
    cluster.set(READ_ONLY, "on");
    assert_refused_as_read_only(&cluster.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_a_standby_is_refused_unless_it_is_promoted_in_time() {
    let primary = Cluster::start();
    drop(server_on(&primary.url()));
    let standby = primary.standby();
    assert_refused_as_read_only(&standby.url());

    let (proxy, url) = Proxy::before(&standby.url());
    let starting = std::thread::spawn(move || server_on(&url));
    until("the standby has been asked", async || proxy.round_trips() > 1).await;
    standby.promote();
    let server = starting.join().unwrap();
    let ann = User::sign_up(&server, "ann").await;
    ann.add(json!({ "title": "x" })).await;
    assert_eq!(status(&ann, "/health/ready").await, OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_becomes_read_only_is_503_for_writes_until_it_is_writable() {
    let cluster = Cluster::start();
    let server = Server::start_with(&[("DATABASE_URL", &cluster.url()), QUICK]);
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "before" })).await;

    cluster.set(READ_ONLY, "on");
    for _ in 0..10 {
        assert_unavailable(write(&ann, "refused").await).await;
        assert_eq!(list_status(&ann).await, Some(OK));
    }
    until_ready_is(&ann, UNAVAILABLE).await;
    let path = ann.tasks(&format!("/{}", task["id"]));
    let responses = join_all((0..20).map(|_| ann.get(&path))).await;
    for response in responses {
        assert_eq!(response.json::<Value>().await.unwrap(), task);
    }

    cluster.reset(READ_ONLY);
    let recovery = until_write_is(&ann, "after", CREATED).await;
    assert!(recovery.as_secs() < 10, "{recovery:?}");
    until_ready_is(&ann, OK).await;
    for _ in 0..10 {
        assert_eq!(write(&ann, "after").await.status(), CREATED);
    }
    println!("read-only server: first 201 {recovery:?} after it was writable");
}
