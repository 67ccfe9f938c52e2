//! A server in bridge mode, and who asks it.

use std::time::{Duration, Instant};

use reqwest::Response;
use support::user::REFUSAL;
use support::{Server, Signer};

/// How long anything may take before a test fails, rather than hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who asks in most tests.
pub(crate) const ANN: &str = "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR";

/// Settings for tests that would otherwise wait for minutes.
pub(crate) const QUICK: [(&str, &str); 2] =
    [("TASKBRIDGE__JWT__JWKS_REFRESH_SECONDS", "1"), ("TASKBRIDGE__JWT__JWKS_COOLDOWN_SECONDS", "1")];

/// A server that trusts the issuer at `url`.
pub(crate) struct Site {
    pub(crate) server: Server,
    pub(crate) url: String,
    http: reqwest::Client,
}

impl Site {
    /// Without a secret, unless these settings give one.
    pub(crate) fn start(url: &str, more: &[(&str, &str)]) -> Self {
        let settings =
            [&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", "")], more].concat();
        // The server closes connections that were idle for longer.
        let http = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(2)).build().unwrap();
        Self { server: Server::start_with(&settings), url: url.into(), http }
    }

    /// A good token of Ann's.
    pub(crate) fn token(&self, signer: &Signer) -> String {
        signer.token(&self.url, ANN)
    }

    /// Ann's list, for this token.
    pub(crate) async fn list(&self, token: &str) -> Response {
        let list = self.http.get(self.server.url(&format!("/api/{ANN}/tasks")));
        list.bearer_auth(token).send().await.unwrap()
    }

    /// Its status. A refusal must be the one that all refusals are.
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

    /// The status for a good token by this key.
    pub(crate) async fn status_of(&self, signer: &Signer) -> u16 {
        self.status(&self.token(signer)).await
    }

    /// Asks with this token until the status is this one, and never anything but `meanwhile` before.
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

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.server.log.text()
    }
}
