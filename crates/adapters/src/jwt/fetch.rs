//! Fetching the keys that an issuer publishes.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use taskbridge_domain::Cause;
use thiserror::Error;
use tokio::sync::oneshot;
use ureq::Agent;
use ureq::http::header::{AGE, DATE, HeaderMap, HeaderName};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use url::Url;

/// The longest answer that is read, in bytes: about 1,000 RSA keys.
const MAX_BYTES: u64 = 512 * 1024;

/// Fetches a key set. It displays as its address, for the log.
#[async_trait]
pub trait FetchKeys: fmt::Display + Send + Sync {
    /// The answer as it came.
    ///
    /// # Errors
    /// Why there is none.
    async fn fetch(&self) -> Result<Vec<u8>, Cause>;
}

/// An address for key sets, over HTTP. Whatever the environment says about proxies is not followed.
#[derive(Debug, Clone)]
pub struct HttpKeys {
    agent: Agent,
    url: Url,
}

/// An answer that holds no keys, whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the answer has status {0}, not 200")]
pub struct BadStatus(pub u16);

/// Why a file names no certificate authorities.
#[derive(Debug, Error)]
pub enum AuthoritiesError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It holds none.
    #[error("holds no certificate in PEM")]
    None,
}

/// Which certificate authorities are trusted.
#[derive(Debug, Clone)]
pub struct Authorities(RootCerts);

impl Authorities {
    /// Those of the web, as Mozilla lists them.
    #[must_use]
    pub fn of_the_web() -> Self {
        Self(RootCerts::WebPki)
    }

    /// Those in a PEM file, and no others.
    ///
    /// # Errors
    /// [`AuthoritiesError`] when there are none in it.
    pub fn in_file(path: &Path) -> Result<Self, AuthoritiesError> {
        let pem = std::fs::read(path)?;
        let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(AuthoritiesError::None);
        }
        Ok(Self(RootCerts::new_with_certs(&certificates)))
    }
}

impl HttpKeys {
    /// The address `url` (http or https), which must answer in full within `timeout`.
    #[must_use]
    pub fn new(url: Url, timeout: Duration, authorities: &Authorities) -> Self {
        let tls = TlsConfig::builder().root_certs(authorities.0.clone()).build();
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .http_status_as_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .user_agent("taskbridge")
            .tls_config(tls);
        Self { agent: config.build().into(), url }
    }

    /// Whatever is answered, with the time at which that was.
    pub(super) async fn ask(&self) -> Result<Answer, Cause> {
        let (sender, receiver) = oneshot::channel();
        let this = self.clone();
        // Not one of the runtime's: it would hold up the end of the program.
        thread::Builder::new().name("fetch-keys".into()).spawn(move || sender.send(this.get()))?;
        receiver.await?
    }

    fn get(&self) -> Result<Answer, Cause> {
        let mut response = self.agent.get(self.url.as_str()).header("accept", "application/json").call()?;
        let status = response.status().as_u16();
        let date = date(response.headers());
        let body = match status {
            200 => response.body_mut().with_config().limit(MAX_BYTES).read_to_vec()?,
            _ => Vec::new(),
        };
        Ok(Answer { status, date, body })
    }
}

/// What an address answers.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What its clock says, in seconds since 1970.
    pub(super) date: Option<i64>,
    /// Empty unless the status is 200.
    body: Vec<u8>,
}

impl Answer {
    /// The body, of which nothing is believed unless the status is 200.
    pub(super) fn body(self) -> Result<Vec<u8>, Cause> {
        match self.status {
            200 => Ok(self.body),
            status => Err(BadStatus(status).into()),
        }
    }
}

/// The time of the answer (RFC 9110, section 6.6.1), later by as much as a cache has kept it (RFC 9111, section 5.1).
fn date(headers: &HeaderMap) -> Option<i64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let date = DateTime::parse_from_rfc2822(text(DATE)?).ok()?.timestamp();
    let age: u32 = text(AGE).and_then(|age| age.trim().parse().ok()).unwrap_or_default();
    Some(date + i64::from(age))
}

#[async_trait]
impl FetchKeys for HttpKeys {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        self.ask().await?.body()
    }
}

/// Without a query, which may hold a secret.
impl fmt::Display for HttpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}
