//! Rate limits in memory, for one process.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit, RateLimitState};

/// The first half of a key's SHA-256: however long a key is, it takes as much memory, and nobody finds two that share
/// one.
type Digest128 = [u8; 16];

/// Counts until it is dropped, for at most [`Self::MAX_KEYS`] keys: beyond them those that were allowed longest ago are
/// forgotten. Full it takes less than 12 MiB.
#[derive(Debug, Default)]
pub struct InMemoryRateLimiter {
    tallies: Mutex<Tallies>,
}

#[derive(Debug, Default)]
struct Tallies {
    by_key: HashMap<Digest128, RateLimitState>,
    /// The same keys, the oldest first.
    by_age: BTreeSet<(Timestamp, Digest128)>,
}

impl Tallies {
    fn set(&mut self, key: Digest128, tally: RateLimitState) {
        if let Some(before) = self.by_key.insert(key, tally) {
            self.by_age.remove(&(before.last_request, key));
        }
        self.by_age.insert((tally.last_request, key));
        if self.by_key.len() > InMemoryRateLimiter::MAX_KEYS {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.by_age.pop_first() {
            self.by_key.remove(&key);
        }
    }
}

impl InMemoryRateLimiter {
    /// How many keys are counted at the same time.
    pub const MAX_KEYS: usize = 1 << 16;

    fn lock(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateLimiter for InMemoryRateLimiter {
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let key = digest(key);
        let mut tallies = self.lock();
        let tally = tallies.by_key.get(&key).copied();
        let admission = limit.decide(tally, now);
        if admission == Decision::Allowed {
            tallies.set(key, limit.record(tally, now));
        }
        Ok(admission)
    }

    async fn peek(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let tally = self.lock().by_key.get(&digest(key)).copied();
        Ok(limit.decide(tally, now))
    }

    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut tallies = self.lock();
        while tallies.by_age.first().is_some_and(|(last, _)| *last < before) {
            tallies.forget_oldest();
        }
        Ok(())
    }
}

fn digest(key: &str) -> Digest128 {
    let mut half = Digest128::default();
    half.copy_from_slice(&Sha256::digest(key)[..16]);
    half
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use taskbridge_domain::testing::fixtures::moment;

    use super::*;

    const ONCE: RateLimit = RateLimit { window: Duration::from_hours(1), max: 1 };

    /// Memory for keys that anybody can make up has an end, and those that were used last are kept.
    #[tokio::test]
    async fn of_too_many_keys_the_oldest_are_forgotten() {
        let limiter = InMemoryRateLimiter::default();
        let extra = 1000;
        for number in 0..InMemoryRateLimiter::MAX_KEYS + extra {
            let now = moment().after(Duration::from_millis(number as u64));
            assert_eq!(limiter.hit(&number.to_string(), ONCE, now).await.unwrap(), Decision::Allowed);
        }
        let (kept, ages, slots) = {
            let tallies = limiter.lock();
            (tallies.by_key.len(), tallies.by_age.len(), tallies.by_key.capacity())
        };
        assert_eq!((kept, ages), (InMemoryRateLimiter::MAX_KEYS, InMemoryRateLimiter::MAX_KEYS));
        let end = moment().after(Duration::from_mins(2));
        for (number, expected) in [(0, true), (extra - 1, true), (extra, false), (InMemoryRateLimiter::MAX_KEYS, false)]
        {
            let admission = limiter.peek(&number.to_string(), ONCE, end).await.unwrap();
            assert_eq!(admission == Decision::Allowed, expected, "{number}");
        }
        // The table has a byte more for each slot, and one slot in eight empty; the nodes of the tree are at least half
        // full, and point to their children.
        let table = slots * 8 / 7 * (size_of::<(Digest128, RateLimitState)>() + 1);
        let tree = 2 * ages * (size_of::<(Timestamp, Digest128)>() + size_of::<usize>());
        assert!(table + tree < 12 << 20, "{table} and {tree} bytes");
    }
}
