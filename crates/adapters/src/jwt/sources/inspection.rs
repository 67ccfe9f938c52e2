//! Inspects a URL at which keys are published, for `taskbridge doctor`.

use std::time::{Duration, Instant};

use taskbridge_domain::Cause;
use taskbridge_domain::ports::Clock;

use super::jwks_client::JwksClient;
use crate::jwt::keys::jwk_set::JwkSet;

/// The response to a request for keys, as the operator needs to see it.
#[derive(Debug)]
pub struct JwksInspection {
    /// The HTTP status of the response.
    pub status: u16,
    /// Time from the start of the request until the response was complete.
    pub latency: Duration,
    /// Seconds by which the clock of the machine that responded is ahead of the local clock; negative if it is behind,
    /// `None` if the response has no date. The precision is one second.
    pub ahead_seconds: Option<i64>,
    /// The keys in the response, or the reason why it contains no key set.
    pub keys: Result<JwksKeys, Cause>,
}

/// Descriptions of the keys in a key set.
#[derive(Debug, Default)]
pub struct JwksKeys {
    /// Algorithm and `kid` of each usable key.
    pub usable: Vec<String>,
    /// Index and `kid` of each unusable key, and the reason why it cannot be used.
    pub unusable: Vec<String>,
}

impl JwksClient {
    /// Sends one request, as [`RemoteJwks`](crate::jwt::RemoteJwks) does, and describes the response.
    ///
    /// # Errors
    /// The error of the request if no complete response was received.
    pub async fn inspect(&self, clock: &dyn Clock) -> Result<JwksInspection, Cause> {
        let started = Instant::now();
        let response = self.request().await?;
        let latency = started.elapsed();
        let now = clock.now().unix_seconds();
        let (status, date) = (response.status, response.date);
        let keys = response.body().and_then(|body| Ok(JwkSet::parse(&body)?)).map(|(set, unusable)| JwksKeys {
            usable: set.describe().map(|key| key.to_string()).collect(),
            unusable: unusable.into_iter().map(|(key, why)| format!("{key}: {why}")).collect(),
        });
        Ok(JwksInspection { status, latency, ahead_seconds: date.map(|date| date - now), keys })
    }
}
