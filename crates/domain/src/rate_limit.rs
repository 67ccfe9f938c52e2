//! Rate limits that follow the rules of Better Auth.

use std::time::Duration;

use crate::time::Timestamp;

/// A maximum number of requests in a window that restarts with every allowed request, as in Better Auth.
///
/// The count starts again when `window` has passed since the last allowed request. Once `max` requests have been
/// counted, further requests are refused until the window has passed. Refused requests are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Time without an allowed request after which the count starts again.
    pub window: Duration,
    /// Maximum number of requests; at least 1.
    pub max: u32,
}

/// The count of allowed requests for one key, such as an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitState {
    /// Number of allowed requests in the current window.
    pub count: u32,
    /// Time of the last allowed request.
    pub last_request: Timestamp,
}

/// The decision whether a request is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The request is within the limit.
    Allowed,
    /// The request exceeds the limit.
    Refused {
        /// Seconds until the next request is allowed, rounded up.
        retry_after_seconds: u64,
    },
}

impl RateLimit {
    /// Decides whether a request at `now` is allowed. `state` is the count of earlier requests, or `None` if there were
    /// none.
    #[must_use]
    pub fn decide(self, state: Option<RateLimitState>, now: Timestamp) -> Decision {
        match self.current(state, now) {
            Some(RateLimitState { count, last_request }) if count >= self.max => {
                let wait = self.window.saturating_sub(now.since(last_request));
                Decision::Refused { retry_after_seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) }
            }
            _ => Decision::Allowed,
        }
    }

    /// Returns the new state after a request that was allowed at `now`. `state` is the state before that request.
    #[must_use]
    pub fn record(self, state: Option<RateLimitState>, now: Timestamp) -> RateLimitState {
        let count = self.current(state, now).map_or(0, |state| state.count);
        RateLimitState { count: count.saturating_add(1), last_request: now }
    }

    /// Returns `state`, or `None` if the window has passed since its last request.
    fn current(self, state: Option<RateLimitState>, now: Timestamp) -> Option<RateLimitState> {
        state.filter(|state| now.since(state.last_request) < self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::moment;

    const LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), max: 3 };

    fn state(count: u32) -> RateLimitState {
        RateLimitState { count, last_request: moment() }
    }

    fn later(millis: u64) -> Timestamp {
        moment().after(Duration::from_millis(millis))
    }

    #[test]
    fn requests_over_the_limit_are_refused_until_the_window_ends() {
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
            assert_eq!(LIMIT.decide(Some(state(count)), later(millis)), expected, "{count} after {millis} ms");
        }
        assert_eq!(LIMIT.decide(None, moment()), Decision::Allowed);
    }

    #[test]
    fn the_count_continues_within_the_window_and_restarts_after_it() {
        assert_eq!(LIMIT.record(None, moment()), RateLimitState { count: 1, last_request: moment() });
        assert_eq!(LIMIT.record(Some(state(2)), later(9_999)), RateLimitState { count: 3, last_request: later(9_999) });
        assert_eq!(
            LIMIT.record(Some(state(3)), later(10_000)),
            RateLimitState { count: 1, last_request: later(10_000) }
        );
    }

    /// A process whose clock is ahead may store a time in the future. A client must nevertheless wait no longer than
    /// one window.
    #[test]
    fn a_state_from_the_future_counts_as_current() {
        let ahead = Some(RateLimitState { count: 3, last_request: later(60_000) });
        assert_eq!(LIMIT.decide(ahead, moment()), Decision::Refused { retry_after_seconds: 10 });
        assert_eq!(LIMIT.record(ahead, moment()), RateLimitState { count: 4, last_request: moment() });
    }
}
