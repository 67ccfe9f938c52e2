//! A rate limiter that counts in memory, for one process.
//!
//! A cache such as moka is not used, because it may evict any counter, even a recent one, when clients send a flood of
//! keys, so that its limit would not hold. Here, only the oldest counters are evicted.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit, RateLimitState};

/// The first half of the SHA-256 digest of a key, stored in place of the key: it has a fixed size, and finding two keys
/// with the same digest is infeasible.
type Digest128 = [u8; 16];

/// Counts requests for at most [`Self::MAX_KEYS`] keys, in less than 12 MiB. If there are more keys, it evicts the key
/// whose window began first.
#[derive(Debug, Default)]
pub struct InMemoryRateLimiter {
    counters: Mutex<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    by_key: HashMap<Digest128, RateLimitState>,
    /// The keys of `by_key`, sorted by the time at which their window began, oldest first.
    by_age: BTreeSet<(Timestamp, Digest128)>,
}

impl Counters {
    fn set(&mut self, key: Digest128, state: RateLimitState) {
        if let Some(before) = self.by_key.insert(key, state) {
            self.by_age.remove(&(before.window_start, key));
        }
        self.by_age.insert((state.window_start, key));
        if self.by_key.len() > InMemoryRateLimiter::MAX_KEYS {
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        if let Some((_, key)) = self.by_age.pop_first() {
            self.by_key.remove(&key);
        }
    }
}

impl InMemoryRateLimiter {
    /// Maximum number of keys that have a counter at the same time.
    pub const MAX_KEYS: usize = 1 << 16;

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RateLimiter for InMemoryRateLimiter {
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let key = digest(key);
        let mut counters = self.lock();
        let state = counters.by_key.get(&key).copied();
        let decision = limit.decide(state, now);
        if decision == Decision::Allowed {
            counters.set(key, limit.record(state, now));
        }
        Ok(decision)
    }

    async fn undo_hit(&self, key: &str) {
        if let Some(state) = self.lock().by_key.get_mut(&digest(key)) {
            state.count = state.count.saturating_sub(1);
        }
    }

    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut counters = self.lock();
        while counters.by_age.first().is_some_and(|(last, _)| *last < before) {
            counters.evict_oldest();
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

    use taskbridge_domain::rate_limit::WindowStart;
    use taskbridge_domain::testing::fixtures::moment;

    use super::*;

    const ONCE: RateLimit = RateLimit { window: Duration::from_hours(1), begins: WindowStart::LastRequest, max: 1 };

    /// The number of counters must be limited, because a client can make up any number of keys and so fill the memory.
    #[tokio::test]
    async fn memory_is_bounded_and_the_oldest_keys_are_evicted() {
        let limiter = InMemoryRateLimiter::default();
        let extra = 1000;
        for number in 0..InMemoryRateLimiter::MAX_KEYS + extra {
            let now = moment().after(Duration::from_millis(number as u64));
            assert_eq!(limiter.hit(&number.to_string(), ONCE, now).await.unwrap(), Decision::Allowed);
        }
        let (kept, ages, slots) = {
            let counters = limiter.lock();
            (counters.by_key.len(), counters.by_age.len(), counters.by_key.capacity())
        };
        assert_eq!((kept, ages), (InMemoryRateLimiter::MAX_KEYS, InMemoryRateLimiter::MAX_KEYS));
        for (number, is_kept) in [(0, false), (extra - 1, false), (extra, true), (InMemoryRateLimiter::MAX_KEYS, true)]
        {
            let is_counted = limiter.lock().by_key.contains_key(&digest(&number.to_string()));
            assert_eq!(is_counted, is_kept, "{number}");
        }
        // Estimates the memory. The hash table needs one more byte for each slot, and leaves one slot in eight empty.
        // The nodes of the tree are at least half full, and have pointers to their children.
        let table = slots * 8 / 7 * (size_of::<(Digest128, RateLimitState)>() + 1);
        let tree = 2 * ages * (size_of::<(Timestamp, Digest128)>() + size_of::<usize>());
        assert!(table + tree < 12 << 20, "{table} and {tree} bytes");
    }
}
