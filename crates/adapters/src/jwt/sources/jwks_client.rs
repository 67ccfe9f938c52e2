//! Fetches the keys that an issuer publishes.

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

/// Maximum size of a response, in bytes. It is enough for about 1,000 RSA keys.
const MAX_BYTES: u64 = 512 * 1024;

/// Fetches a key set. An implementation's `Display` output is the URL of the key set, for the log.
#[async_trait]
pub trait FetchJwks: fmt::Display + Send + Sync {
    /// Returns the key set as the unparsed body of the response.
    ///
    /// # Errors
    /// Any error that prevents fetching the key set.
    async fn fetch(&self) -> Result<Vec<u8>, Cause>;
}

/// Fetches a key set over HTTP. Connects directly, whatever proxy the environment variables name.
///
/// Uses ureq: one blocking request every few minutes does not justify the asynchronous stack of reqwest (hyper, tower).
#[derive(Debug, Clone)]
pub struct JwksClient {
    agent: Agent,
    url: Url,
}

/// The error if a response has a status other than 200. The body of such a response is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the response has status {0}, not 200")]
pub struct UnexpectedStatus(pub u16);

/// Reasons why certificate authorities cannot be loaded from a file.
#[derive(Debug, Error)]
pub enum CertificateAuthoritiesError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// The file contains no certificate.
    #[error("contains no certificate in PEM format")]
    NoCertificate,
}

/// The certificate authorities that a [`JwksClient`] trusts.
#[derive(Debug, Clone)]
pub struct CertificateAuthorities(RootCerts);

impl CertificateAuthorities {
    /// Returns the public certificate authorities in Mozilla's list.
    #[must_use]
    pub fn public() -> Self {
        Self(RootCerts::WebPki)
    }

    /// Loads the certificate authorities in a PEM file. Only these are then trusted, and not the public ones.
    ///
    /// # Errors
    /// [`CertificateAuthoritiesError`] if the file cannot be read or contains no certificate.
    pub fn from_file(path: &Path) -> Result<Self, CertificateAuthoritiesError> {
        let pem = std::fs::read(path)?;
        let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(CertificateAuthoritiesError::NoCertificate);
        }
        Ok(Self(RootCerts::new_with_certs(&certificates)))
    }
}

impl JwksClient {
    /// Creates a client for `url` (http or https). The complete response must arrive within `timeout`.
    #[must_use]
    pub fn new(url: Url, timeout: Duration, authorities: &CertificateAuthorities) -> Self {
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

    /// Sends a request and returns the response, whatever its status.
    pub(super) async fn request(&self) -> Result<Response, Cause> {
        let (sender, receiver) = oneshot::channel();
        let this = self.clone();
        // The request runs on its own thread. On a blocking thread of the runtime, it would delay the shutdown of the
        // runtime.
        thread::Builder::new().name("fetch-keys".into()).spawn(move || sender.send(this.request_blocking()))?;
        receiver.await?
    }

    fn request_blocking(&self) -> Result<Response, Cause> {
        let mut response = self.agent.get(self.url.as_str()).header("accept", "application/json").call()?;
        let status = response.status().as_u16();
        let date = date(response.headers());
        let body = match status {
            200 => response.body_mut().with_config().limit(MAX_BYTES).read_to_vec()?,
            _ => Vec::new(),
        };
        Ok(Response { status, date, body })
    }
}

/// A response to a request for keys.
pub(super) struct Response {
    pub(super) status: u16,
    /// The time on the clock of the machine that responded, in seconds since 1970; `None` if the response does not
    /// state it.
    pub(super) date: Option<i64>,
    /// The body of the response; empty if the status is not 200.
    body: Vec<u8>,
}

impl Response {
    /// Returns the body if the status is 200, and an error otherwise.
    pub(super) fn body(self) -> Result<Vec<u8>, Cause> {
        match self.status {
            200 => Ok(self.body),
            status => Err(UnexpectedStatus(status).into()),
        }
    }
}

/// Returns the time on the clock of the machine that responded: the header `Date` (RFC 9110, section 6.6.1) plus the
/// time that the response has spent in caches, the header `Age` (RFC 9111, section 5.1).
fn date(headers: &HeaderMap) -> Option<i64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let date = DateTime::parse_from_rfc2822(text(DATE)?).ok()?.timestamp();
    let age: u32 = text(AGE).and_then(|age| age.trim().parse().ok()).unwrap_or_default();
    Some(date + i64::from(age))
}

#[async_trait]
impl FetchJwks for JwksClient {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        self.request().await?.body()
    }
}

/// Formats the URL without its query, which may contain a secret.
impl fmt::Display for JwksClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
    }
}
