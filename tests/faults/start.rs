//! The first start, with and without a database.

use std::net::TcpListener;

use serde_json::json;
use support::postgres::{
    Cluster, DATABASE_PASSWORD, behind_pgbouncer, fresh_database, fresh_database_behind_pgbouncer, psql,
};
use support::server::{SECRET, refusal, refuse_to_start};
use support::{Server, User};

/// The server waits for a limited time, and then reports the database without its password.
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
    assert!(message.contains("the database could not be used within 1 seconds"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

/// Parameters of other libraries are accepted, and no parameter is logged with its value.
#[tokio::test]
async fn parameters_are_not_logged() {
    let url = format!("{}?sslmode=prefer&channel_binding=prefer&pool_timeout=10&schema=public", fresh_database());
    let server = Server::start_with(&[("DATABASE_URL", &url), ("RUST_LOG", "trace")]);
    User::sign_up(&server, "ann").await.list().await;
    let log = server.log.text();
    assert!(log.contains("TRACE") && !log.contains("channel_binding") && !log.contains(DATABASE_PASSWORD));
}

/// Every error names its remedy exactly once and does not contain the password.
#[test]
fn errors_at_start_are_told_apart() {
    let mut cluster = Cluster::start();
    let admin = cluster.url();
    for command in [
        "create role app login password 'hunter2'",
        "create role idle nologin",
        "create database tasks",
        "create database closed",
        "revoke connect on database closed from public",
        "create database still",
        "alter database still set default_transaction_read_only = on",
        "create database crowded",
        "alter database crowded connection limit 0",
    ] {
        psql(&admin, command);
    }
    psql(
        &format!("postgres://postgres@{}/tasks", cluster.address()),
        "create schema others; revoke create on schema public from public",
    );
    cluster.authenticate("host all app 127.0.0.1/32 scram-sha-256\nhost all idle,ghost 127.0.0.1/32 trust\nhost all stranger 127.0.0.1/32 reject");
    let address = cluster.address();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().map(|address| (silent, address)).unwrap();
    let app = |rest: &str| format!("postgres://app:hunter2@{address}/{rest}");
    for (url, found, advice) in [
        (app("tasks").replace("hunter2", "wrong"), "password authentication failed", "correct user and password"),
        (
            app("tasks").replace(":hunter2", ""),
            "requires a password, and DATABASE_URL has none",
            "write it as postgres://",
        ),
        (
            format!("postgres://stranger@{address}/tasks"),
            "pg_hba.conf rejects",
            "this host, user and database in pg_hba.conf",
        ),
        (format!("postgres://idle@{address}/tasks"), "is not permitted to log in", "alter role \"idle\" login"),
        (
            format!("postgres://ghost@{address}/tasks"),
            "role \"ghost\" does not exist",
            "run: create role \"ghost\" login",
        ),
        (app("none"), "database \"none\" does not exist", "run: create database \"none\""),
        (app("closed"), "permission denied for database", "run: grant connect on database \"closed\" to \"app\""),
        (app("crowded"), "too many connections", "lower database.max_connections"),
        (app("tasks?schema=none"), "schema \"none\"", "run: create schema \"none\" authorization \"app\""),
        (
            app("tasks?schema=others"),
            "may not use the schema \"others\"",
            "run: grant usage on schema \"others\" to \"app\"",
        ),
        (app("tasks?search_path=none,public"), "schema \"none\"", "run: create schema \"none\" authorization \"app\""),
        (app("tasks"), "lacks create on the schema \"public\"", "grant create on schema \"public\" to \"app\""),
        (app("tasks?sslmode=require"), "offers no TLS", "turn TLS on in the server"),
        (app("still"), "is read-only", "name the primary"),
        (
            format!("postgres://app:hunter2@{unused}/tasks"),
            "refused the connection",
            "check that the database is running",
        ),
        (format!("postgres://app:hunter2@{}/tasks", silent.1), "did not answer within", "database.connect_seconds"),
        (
            "postgres://app:hunter2@no-such-host.invalid/tasks".into(),
            "cannot resolve the host no-such-host.invalid",
            "DNS",
        ),
        ("postgres://app:hunter2@/tasks?host=/no/such/folder".into(), "no socket of PostgreSQL at /no/such", "`host`"),
        (app("tasks?application_name=x&options=-c%20x%3Dy"), "unrecognized configuration parameter", "see the log"),
    ] {
        let message = refusal(&url);
        let last = message.lines().last().unwrap_or_default();
        assert!(last.starts_with("taskbridge: ") && last.contains(found), "{url}: {message}");
        assert!(last.split_once("; ").is_some_and(|(_, rest)| rest.contains(advice)), "{url}: {message}");
        assert_eq!(message.matches(advice).count(), 1, "{url}: {message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    cluster.kill();
}

/// Each parameter for the schema in the URL has the same effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_schema_in_the_url_is_where_the_tables_are() {
    for parameter in [
        "schema=Auth",
        "currentSchema=%22Auth%22",
        "search_path=%22Auth%22,public",
        "options=-c%20search_path%3D%22Auth%22",
    ] {
        let database = fresh_database();
        psql(&database, "create schema \"Auth\"");
        let server = Server::start_with(&[("DATABASE_URL", &format!("{database}?{parameter}"))]);
        let user = User::sign_up(&server, "ann").await;
        let task = user.add(json!({ "title": "x" })).await;
        assert_eq!(user.list().await, json!([task]));
        let schemas = "select string_agg(distinct schemaname, ',') from pg_tables where tablename in ('user', 'tasks')";
        assert_eq!(psql(&database, schemas), "Auth", "{parameter}");
    }
}

/// A pooler keeps no setting of a session: the search path must be that of the role.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_a_schema_is_checked() {
    for declared in ["?pgbouncer=true&", "?"] {
        let database = fresh_database();
        let name = database.rsplit_once('/').unwrap().1;
        let pooled = format!("{}{declared}", behind_pgbouncer(name));
        psql(&database, "create schema auth");
        let message = refusal(&format!("{pooled}schema=auth"));
        assert!(message.contains("which cannot be set for a session"), "{message}");
        let command = format!("alter role \"postgres\" in database \"{name}\" set search_path = \"auth\"");
        assert!(message.contains(&format!("; run: {command}; or")), "{message}");
        let message = refusal(&format!("{pooled}options=-c%20lock_timeout%3D1s"));
        assert!(message.contains("a pooler refused a parameter") && message.contains("; remove it from"), "{message}");
        // A parameter with the value that is in effect anyway is accepted.
        drop(Server::start_with(&[("DATABASE_URL", &format!("{pooled}schema=public"))]));
        // Role settings apply only to new connections, which the pooler reuses, so this uses another database.
        let database = fresh_database();
        let other = database.rsplit_once('/').unwrap().1;
        psql(&database, &format!("create schema auth; {}", command.replace(name, other)));
        let pooled = format!("{}{declared}", behind_pgbouncer(other));
        let server = Server::start_with(&[("DATABASE_URL", &format!("{pooled}schema=auth"))]);
        User::sign_up(&server, "ann").await.add(json!({ "title": "x" })).await;
        assert_eq!(psql(&database, "select count(*) from auth.tasks"), "1");
    }
}

/// If waiting cannot help, the start fails at once.
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

/// The start succeeds if the database becomes available while the server waits.
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

/// Three processes start concurrently on one empty database, of each kind.
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
