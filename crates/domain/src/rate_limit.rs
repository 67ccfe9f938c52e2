//! How often something may be done.

use std::time::Duration;

use crate::time::Timestamp;

/// So many times, each within the window of the one before; then not until nothing has been allowed for a window.
///
/// The window begins anew with everything that is allowed, as in Better Auth: it is over after a quiet time, not at a
/// fixed hour. What is refused does not count and prolongs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How long it must be quiet.
    pub window: Duration,
    /// How many times; at least one.
    pub max: u32,
}

/// What has been allowed under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitState {
    /// How many times since it was last quiet.
    pub count: u32,
    /// When for the last time.
    pub last: Timestamp,
}

/// Whether something may be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may.
    Allowed,
    /// It may not.
    Refused {
        /// How long to wait, in whole seconds, rounded up.
        retry_after_seconds: u64,
    },
}

impl RateLimit {
    /// Whether it may be done `now`, after all in the tally.
    #[must_use]
    pub fn decide(self, tally: Option<RateLimitState>, now: Timestamp) -> Decision {
        match self.current(tally, now) {
            Some(RateLimitState { count, last }) if count >= self.max => {
                let wait = self.window.saturating_sub(now.since(last));
                Decision::Refused { retry_after_seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) }
            }
            _ => Decision::Allowed,
        }
    }

    /// The tally once it was allowed `now`.
    #[must_use]
    pub fn record(self, tally: Option<RateLimitState>, now: Timestamp) -> RateLimitState {
        let count = self.current(tally, now).map_or(0, |tally| tally.count);
        RateLimitState { count: count.saturating_add(1), last: now }
    }

    /// The tally, unless it has been quiet for a window since.
    fn current(self, tally: Option<RateLimitState>, now: Timestamp) -> Option<RateLimitState> {
        tally.filter(|tally| now.since(tally.last) < self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::moment;

    const LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), max: 3 };

    fn tally(count: u32) -> RateLimitState {
        RateLimitState { count, last: moment() }
    }

    fn later(millis: u64) -> Timestamp {
        moment().after(Duration::from_millis(millis))
    }

    #[test]
    fn so_many_are_allowed_until_it_was_quiet() {
        for (count, millis, expected) in [
            (1, 0, Decision::Allowed),
            (2, 9_999, Decision::Allowed),
            (3, 0, Decision::Refused { retry_after_seconds: 10 }),
            (3, 1, Decision::Refused { retry_after_seconds: 10 }),
            (3, 1_000, Decision::Refused { retry_after_seconds: 9 }),
            (3, 9_999, Decision::Refused { retry_after_seconds: 1 }),
            (3, 10_000, Decision::Allowed),
            (u32::MAX, 10_000, Decision::Allowed),
        ] {
            assert_eq!(LIMIT.decide(Some(tally(count)), later(millis)), expected, "{count} after {millis} ms");
        }
        assert_eq!(LIMIT.decide(None, moment()), Decision::Allowed);
    }

    #[test]
    fn the_count_goes_on_within_the_window_and_begins_anew_after_it() {
        assert_eq!(LIMIT.record(None, moment()), RateLimitState { count: 1, last: moment() });
        assert_eq!(LIMIT.record(Some(tally(2)), later(9_999)), RateLimitState { count: 3, last: later(9_999) });
        assert_eq!(LIMIT.record(Some(tally(3)), later(10_000)), RateLimitState { count: 1, last: later(10_000) });
    }

    /// Another process's clock may be ahead: nobody waits longer than a window for that.
    #[test]
    fn a_tally_from_the_future_is_one_of_now() {
        let ahead = Some(RateLimitState { count: 3, last: later(60_000) });
        assert_eq!(LIMIT.decide(ahead, moment()), Decision::Refused { retry_after_seconds: 10 });
        assert_eq!(LIMIT.record(ahead, moment()), RateLimitState { count: 4, last: moment() });
    }
}
