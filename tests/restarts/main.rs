//! A rolling restart of three replicas under load, behind the proxies whose configuration is in `docs/operations.md`.
//! `make restarts` installs the proxies and runs these tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod load;
mod proxy;

use std::net::TcpListener;

use support::postgres::{fresh_database, psql};
use support::{Server, User};

use self::load::Load;
use self::proxy::Proxy;

/// Number of clients that send requests during the restart.
const CLIENTS: usize = 8;

/// Returns the addresses of free ports.
fn free<const N: usize>() -> [String; N] {
    // All are open at the same time, so that they differ.
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}

/// Starts a replica with the default times to stop.
fn replica(address: &str, proxy: &str, database: &str) -> Server {
    let port = address.rsplit_once(':').unwrap().1;
    Server::start_with(&[
        ("PORT", port),
        ("DATABASE_URL", database),
        ("AUTH_MODE", "server"),
        ("BETTER_AUTH_URL", &format!("http://{proxy}")),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        // Empty variables are ignored.
        ("TASKBRIDGE__SERVER__DRAIN_SECONDS", ""),
        ("TASKBRIDGE__LOG__BUFFER_BYTES", ""),
    ])
}

/// Restarts three replicas behind a proxy, one after another. No request fails, and no write is repeated.
async fn restart_without_failures(start_proxy: impl FnOnce(&str, &[String; 3]) -> Proxy) {
    let [front, one, two, three] = free();
    let replicas = [one, two, three];
    let database = fresh_database();
    let mut servers = replicas.each_ref().map(|address| replica(address, &front, &database));
    let proxy = start_proxy(&front, &replicas);
    proxy.ready().await;
    let ann = User::sign_up(&servers[0], "ann").await;

    let load = Load::start(&front, &ann, CLIENTS);
    for server in &mut servers {
        // Every client has requests under way before and after each restart.
        load.until_each_has_been_answered(100).await;
        server.terminate();
        let status = tokio::task::block_in_place(|| server.wait());
        assert_eq!(status.code(), Some(0));
        *server = tokio::task::block_in_place(|| server.again());
        load.until_each_has_been_answered(100).await;
    }
    let outcome = load.stop().await;
    assert!(outcome.failures.is_empty(), "{} of {}: {:?}", outcome.failures.len(), outcome.answered, outcome.failures);
    // A proxy that repeats writes would have added more.
    assert_eq!(psql(&database, "select count(*) from tasks"), outcome.added.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_nginx_fails_no_request() {
    restart_without_failures(Proxy::nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_haproxy_fails_no_request() {
    restart_without_failures(Proxy::haproxy).await;
}
