//! The first start, with and without a database.

use std::net::TcpListener;

use serde_json::json;
use support::postgres::{Cluster, DATABASE_PASSWORD, fresh_database, fresh_database_behind_pgbouncer};
use support::server::{SECRET, refuse_to_start};
use support::{Server, User};

/// C242: a bounded wait, then one clear line without the password.
#[test]
fn a_database_that_is_not_there_is_waited_for_and_then_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (status, message) = refuse_to_start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", &format!("postgres://ann:hunter2@127.0.0.1:{port}/db")),
        ("TASKBRIDGE__DATABASE__START_SECONDS", "1"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1"),
    ]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains("the database did not answer within 1 seconds"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

/// C250: parameters that the driver does not know are no fault, and are not logged with their values.
#[tokio::test]
async fn neons_parameters_are_taken_as_pasted() {
    let url = format!("{}?sslmode=prefer&channel_binding=require", fresh_database());
    let server = Server::start_with(&[("DATABASE_URL", &url), ("RUST_LOG", "trace")]);
    User::sign_up(&server, "ann").await.list().await;
    let log = server.log.text();
    assert!(log.contains("TRACE") && !log.contains("channel_binding") && !log.contains(DATABASE_PASSWORD));
}

/// What will not change by waiting is told at once.
#[test]
fn a_database_that_refuses_is_not_waited_for() {
    let missing = format!("{}_which_is_not_there", fresh_database());
    let (status, message) = refuse_to_start(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("DATABASE_URL", &missing),
        ("TASKBRIDGE__DATABASE__START_SECONDS", "600"),
    ]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains("cannot open the database") && message.contains("does not exist"), "{message}");
}

/// A database that comes up while it is waited for is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_comes_late_is_in_time() {
    let mut cluster = Cluster::start();
    cluster.kill();
    let url = cluster.url();
    let starting = std::thread::spawn(move || Server::start_with(&[("DATABASE_URL", &url)]));
    cluster.start_again();
    let server = starting.join().unwrap();
    User::sign_up(&server, "ann").await.add(json!({ "title": "x" })).await;
}

/// Q2: three processes on one empty database, on every kind.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_share_one_schema() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("shared.db").display());
    for url in [file, fresh_database(), fresh_database_behind_pgbouncer()] {
        let starting: Vec<_> = (0..3)
            .map(|_| {
                let url = url.clone();
                std::thread::spawn(move || Server::start_with(&[("DATABASE_URL", &url)]))
            })
            .collect();
        let servers: Vec<_> = starting.into_iter().map(|server| server.join().unwrap()).collect();
        for (number, server) in servers.iter().enumerate() {
            let user = User::sign_up(server, &format!("user{number}")).await;
            let task = user.add(json!({ "title": "x" })).await;
            assert_eq!(user.list().await, json!([task]));
        }
    }
}
