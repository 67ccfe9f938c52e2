//! Looking at an address of published keys, for an operator who asks what is wrong.

use std::time::{Duration, Instant};

use taskbridge_domain::Cause;
use taskbridge_domain::ports::Clock;

use super::fetch::HttpKeys;
use super::jwk::KeySet;

/// What an address answered.
#[derive(Debug)]
pub struct KeyInspection {
    /// The status of HTTP.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// By how many seconds the clock there is ahead of ours, if the answer has a date: negative if it is behind. A whole
    /// second either way says nothing.
    pub ahead_seconds: Option<i64>,
    /// The keys, or why there are none.
    pub keys: Result<KeySetInspection, Cause>,
}

/// The keys of a set, each in words.
#[derive(Debug, Default)]
pub struct KeySetInspection {
    /// The algorithm and `kid` of those that are used.
    pub usable: Vec<String>,
    /// The place and `kid` of those that are not, and why.
    pub unusable: Vec<String>,
}

impl HttpKeys {
    /// Asks once, as [`PublishedKeys`](super::PublishedKeys) does, and tells what it makes of the answer.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn inspect(&self, clock: &dyn Clock) -> Result<KeyInspection, Cause> {
        let started = Instant::now();
        let answer = self.ask().await?;
        let took = started.elapsed();
        let now = clock.now().unix_seconds();
        let (status, date) = (answer.status, answer.date);
        let keys = answer.body().and_then(|body| Ok(KeySet::parse(&body)?)).map(|(set, unusable)| KeySetInspection {
            usable: set.describe().collect(),
            unusable: unusable.into_iter().map(|(key, why)| format!("{key}: {why}")).collect(),
        });
        Ok(KeyInspection { status, took, ahead_seconds: date.map(|date| date - now), keys })
    }
}
