//! A server in bridge mode, and its callers.

use std::time::{Duration, Instant};

use reqwest::Response;
use support::user::REFUSAL;
use support::{Server, Signer};

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// The user id of the caller in most tests.
pub(crate) const ANN: &str = "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR";

/// Short intervals, so that tests need not wait for minutes.
pub(crate) const QUICK: [(&str, &str); 2] =
    [("TASKBRIDGE__JWT__JWKS_REFRESH_SECONDS", "1"), ("TASKBRIDGE__JWT__JWKS_COOLDOWN_SECONDS", "1")];

/// A server that trusts the issuer at `url`.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Site {
    /// Starts it without a secret, unless these settings contain one.
    pub(crate) fn start(url: &str, more: &[(&str, &str)]) -> Self {
        let settings =
            [&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", "")], more].concat();
        // The server closes connections that are idle for longer.
        let http = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(2)).build().unwrap();
        Self { server: Server::start_with(&settings), url: url.into(), http }
    }

    /// Returns a valid token of Ann.
    pub(crate) fn token(&self, signer: &Signer) -> String {
        signer.token(&self.url, ANN)
    }

    /// Requests Ann's list with this token.
    pub(crate) async fn list(&self, token: &str) -> Response {
        let list = self.http.get(self.server.url(&format!("/api/{ANN}/tasks")));
        list.bearer_auth(token).send().await.unwrap()
    }

    /// Returns the status of that request. Asserts that all refusals are equal.
    pub(crate) async fn status(&self, token: &str) -> u16 {
        let response = self.list(token).await;
        let status = response.status().as_u16();
        let retry_after = response.headers().contains_key("retry-after");
        let body = response.text().await.unwrap();
        match status {
            200 => assert_eq!(body, "[]"),
            401 => assert_eq!(body, REFUSAL),
            _ => assert!(status == 503 && retry_after && body.contains("SERVICE_UNAVAILABLE"), "{status} {body}"),
        }
        status
    }

    /// Returns the status of a request with a valid token of this key.
    pub(crate) async fn status_of(&self, signer: &Signer) -> u16 {
        self.status(&self.token(signer)).await
    }

    /// Repeats the request until it has this status. Before that, each must have the status `meanwhile`.
    pub(crate) async fn until(&self, token: &str, status: u16, meanwhile: u16) {
        let started = Instant::now();
        loop {
            let found = self.status(token).await;
            if found == status {
                return;
            }
            assert_eq!(found, meanwhile);
            assert!(started.elapsed() < PATIENCE, "it is never {status}");
        }
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> String {
        self.server.log.text()
    }
}
