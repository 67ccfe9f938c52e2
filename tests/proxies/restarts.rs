//! Replicas that stop: a rolling restart of three replicas under load, and replicas that fail.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use support::User;
use support::postgres::{fresh_database, psql};
use tokio::task::{block_in_place, yield_now};

use crate::app::{App, CLOSING};
use crate::load::Load;
use crate::proxy::{Addresses, Kind, Mode, Proxy};
use crate::site::{Site, free};
use crate::tls::{Tunnel, client};

/// Number of clients that send requests during the restart.
const CLIENTS: usize = 8;

/// Restarts three replicas behind a proxy, one after another. No request fails, and no write is repeated.
async fn restart_without_failures(kind: Kind) {
    let database = fresh_database();
    let variables = [
        ("DATABASE_URL", database.as_str()),
        // The default times to stop. Empty variables are ignored.
        ("TASKBRIDGE__SERVER__DRAIN_SECONDS", ""),
        ("TASKBRIDGE__LOG__BUFFER_BYTES", ""),
    ];
    let mut site = Site::start(kind, Mode::Server, 3, Vec::new(), &variables).await;
    let ann = User::sign_up(site.taskbridge(), "ann").await;

    let load = Load::start(&site.tunnel.address.to_string(), &ann, CLIENTS);
    for server in &mut site.replicas {
        // Every client has requests under way before and after each restart.
        load.until_each_has_been_answered(100).await;
        server.terminate();
        let status = block_in_place(|| server.wait());
        assert_eq!(status.code(), Some(0));
        *server = block_in_place(|| server.again());
        load.until_each_has_been_answered(100).await;
    }
    let outcome = load.stop().await;
    assert!(outcome.failures.is_empty(), "{} of {}: {:?}", outcome.failures.len(), outcome.answered, outcome.failures);
    // A proxy that repeats writes would have added more.
    assert_eq!(psql(&database, "select count(*) from tasks"), outcome.added.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_nginx_fails_no_request() {
    restart_without_failures(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_haproxy_fails_no_request() {
    restart_without_failures(Kind::HaProxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_caddy_fails_no_request() {
    restart_without_failures(Kind::Caddy).await;
}

/// A proxy in front of two replicas, each of which is a stand-in.
struct Replicas {
    apps: Vec<App>,
    url: String,
    http: Client,
    _tunnel: Tunnel,
    _proxy: Proxy,
}

impl Replicas {
    /// Starts them, and waits until the proxy forwards requests.
    async fn start(kind: Kind) -> Self {
        let addresses = free(5);
        let [https, http, app] = &addresses[2..] else { unreachable!() };
        let proxy = kind.start(Mode::Server, &Addresses { https, http, replicas: &addresses[..2], app });
        let mut apps = Vec::new();
        for address in &addresses[..2] {
            apps.push(App::start(address, Vec::new()).await);
        }
        let tunnel = Tunnel::to(https).await;
        let url = format!("http://{}", tunnel.address);
        let all = Self { apps, url, http: client(), _tunnel: tunnel, _proxy: proxy };
        all.until_ready().await;
        all
    }

    async fn send(&self, method: &str, path: &str) -> reqwest::Result<StatusCode> {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.url));
        request.send().await.map(|answer| answer.status())
    }

    /// Waits until ten requests in a row succeed. The proxy then uses both replicas.
    async fn until_ready(&self) {
        for _ in 0..10 {
            while !self.send("GET", "/api/ann/tasks").await.is_ok_and(|status| status == 200) {
                yield_now().await;
            }
        }
    }
}

/// Each replica closes the connection when it has read the request, so that the proxy cannot know whether it has been
/// executed.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_not_repeated() {
    for kind in Kind::ALL {
        let behind = Replicas::start(kind).await;
        for method in ["POST", "PATCH"] {
            // Failures on connections that were open before are handled differently.
            behind.until_ready().await;
            // A proxy could not repeat a body that it has not kept. HAProxy closes the connection without an answer.
            let answer = behind.send(method, CLOSING).await;
            assert!(answer.is_err() || answer.is_ok_and(|status| status == 502), "{kind:?} {method}");
            let count: usize = behind.apps.iter().map(|replica| replica.state.closed.swap(0, Ordering::SeqCst)).sum();
            assert_eq!(count, 1, "{kind:?} {method}");
        }
    }
}

/// The proxy repeats requests that a replica refuses, before a check finds that it has stopped. When the replica is back, it
/// receives requests again within five seconds, so that the next one can be restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_stops_and_returns_fails_no_request() {
    for kind in Kind::ALL {
        let mut behind = Replicas::start(kind).await;
        for _ in 0..2 {
            let replica = behind.apps.remove(0);
            let address = replica.address.clone();
            replica.stop().await;
            for number in 0..10 {
                assert_eq!(behind.send("POST", "/api/ann/tasks").await.unwrap(), 200, "{kind:?}: request {number}");
            }
            let replica = App::start(&address, Vec::new()).await;
            let returned = Instant::now();
            while replica.state.answered.load(Ordering::SeqCst) == 0 {
                assert_eq!(behind.send("POST", "/api/ann/tasks").await.unwrap(), 200, "{kind:?}");
                assert!(returned.elapsed() < Duration::from_secs(5), "{kind:?}: the replica receives no requests");
            }
            behind.apps.push(replica);
        }
    }
}
