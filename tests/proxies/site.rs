//! A proxy with an app and Taskbridge behind it.

use std::net::TcpListener;
use std::time::Instant;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use support::Server;
use tokio::task::{block_in_place, yield_now};

use crate::app::App;
use crate::proxy::{Addresses, Kind, Mode, Proxy};
use crate::tls::{PATIENCE, Tunnel, client};

/// A proxy, and what is behind it.
pub(crate) struct Site {
    /// The host and port of the proxy.
    pub(crate) proxy: String,
    /// The host and port of the proxy without TLS.
    pub(crate) without_tls: String,
    /// The origin that browsers see.
    pub(crate) origin: String,
    pub(crate) replicas: Vec<Server>,
    pub(crate) app: Option<App>,
    /// The way of the clients to the proxy.
    pub(crate) tunnel: Tunnel,
    http: Client,
    _proxy: Proxy,
}

impl Site {
    /// Starts a proxy in front of an app that publishes these keys and of replicas with these variables.
    pub(crate) async fn start(
        kind: Kind,
        mode: Mode,
        replicas: usize,
        keys: Vec<Value>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut free = free(replicas + 3);
        let [https, http, app] = free.split_off(replicas).try_into().unwrap();
        let addresses = Addresses { https: &https, http: &http, replicas: &free, app: &app };
        let proxy = kind.start(mode, &addresses);
        let origin = format!("https://localhost:{}", port(&https));
        // Taskbridge may fetch the keys of the app through the proxy.
        let running_app = App::start(&app, keys).await;
        let start = |address: &String| {
            let own = [
                ("PORT", port(address)),
                ("AUTH_MODE", if mode == Mode::Server { "server" } else { "bridge" }),
                ("BETTER_AUTH_URL", &origin),
                ("TRUSTED_PROXIES", "127.0.0.1"),
            ];
            block_in_place(|| Server::start_with(&[&own, variables].concat()))
        };
        let servers: Vec<_> = free.iter().map(start).collect();
        let tunnel = Tunnel::to(&https).await;
        let site = Self {
            proxy: https,
            without_tls: http,
            origin,
            replicas: servers,
            app: Some(running_app),
            tunnel,
            http: client(),
            _proxy: proxy,
        };
        site.until("/", StatusCode::OK).await;
        site.until("/api/x/tasks", StatusCode::UNAUTHORIZED).await;
        site
    }

    /// Returns the only replica.
    pub(crate) fn taskbridge(&self) -> &Server {
        &self.replicas[0]
    }

    /// Builds a request that goes over TLS to the proxy.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.tunnel.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).header("origin", &self.origin).json(body)
    }

    /// Waits until this path is answered with this status.
    pub(crate) async fn until(&self, path: &str, status: StatusCode) {
        let started = Instant::now();
        loop {
            let answer = self.get(path).send().await.map(|answer| answer.status());
            if answer.as_ref().is_ok_and(|found| *found == status) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{path} is not answered {status}: {answer:?}");
            yield_now().await;
        }
    }
}

/// Returns the body of an answer of the app, or `None` if Taskbridge or the proxy has answered.
pub(crate) async fn from_app(answer: Response) -> Option<Value> {
    answer.json().await.ok().filter(|body: &Value| body["app"] == true)
}

/// Returns the addresses of free ports.
pub(crate) fn free(count: usize) -> Vec<String> {
    // All are open at the same time, so that they differ.
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}
