//! Rate limits that follow the rules of Better Auth.

use std::time::Duration;

use crate::time::Timestamp;

/// A maximum number of requests in a window.
///
/// The count starts again when `window` has passed since the window began. Once `max` requests have been counted,
/// further requests are refused until the window has passed. Refused requests are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Time after which the count starts again.
    pub window: Duration,
    /// The request with which a window begins.
    pub begins: WindowStart,
    /// Maximum number of requests; at least 1.
    pub max: u32,
}

/// The request with which the window of a [`RateLimit`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowStart {
    /// The first allowed request of the window. A client that sends at a lower rate is never refused.
    FirstRequest,
    /// The last allowed request, as in Better Auth: every allowed request restarts the window. A client that sends
    /// slowly, but without a pause as long as the window, is refused as well.
    LastRequest,
}

/// The count of allowed requests for one key, such as an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitState {
    /// Number of allowed requests in the current window.
    pub count: u32,
    /// Time of the request with which the window began.
    pub window_start: Timestamp,
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

impl Decision {
    /// Returns the refusal of a request whose client must wait for `wait`.
    #[must_use]
    pub fn refused_for(wait: Duration) -> Self {
        Self::Refused { retry_after_seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) }
    }
}

impl RateLimit {
    /// Decides whether a request at `now` is allowed. `state` is the count of earlier requests, or `None` if there were
    /// none.
    #[must_use]
    pub fn decide(self, state: Option<RateLimitState>, now: Timestamp) -> Decision {
        match self.current(state, now) {
            Some(RateLimitState { count, window_start }) if count >= self.max => {
                Decision::refused_for(self.window.saturating_sub(now.since(window_start)))
            }
            _ => Decision::Allowed,
        }
    }

    /// Returns the new state after a request that was allowed at `now`. `state` is the state before that request.
    #[must_use]
    pub fn record(self, state: Option<RateLimitState>, now: Timestamp) -> RateLimitState {
        let current = self.current(state, now);
        let count = current.map_or(0, |state| state.count);
        let window_start = match self.begins {
            WindowStart::FirstRequest => current.map_or(now, |state| state.window_start),
            WindowStart::LastRequest => now,
        };
        RateLimitState { count: count.saturating_add(1), window_start }
    }

    /// Returns `state`, or `None` if its window has passed.
    ///
    /// A window may begin in the future, because the clocks of several processes differ. If it would begin later than
    /// one window from now, the clock has been set back, and the window has passed.
    fn current(self, state: Option<RateLimitState>, now: Timestamp) -> Option<RateLimitState> {
        state.filter(|RateLimitState { window_start, .. }| {
            now.since(*window_start) < self.window && window_start.since(now) <= self.window
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::fixtures::moment;

    const LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), begins: WindowStart::LastRequest, max: 3 };

    fn state(count: u32) -> RateLimitState {
        RateLimitState { count, window_start: moment() }
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
        assert_eq!(LIMIT.record(None, moment()), RateLimitState { count: 1, window_start: moment() });
        assert_eq!(LIMIT.record(Some(state(2)), later(9_999)), RateLimitState { count: 3, window_start: later(9_999) });
        assert_eq!(
            LIMIT.record(Some(state(3)), later(10_000)),
            RateLimitState { count: 1, window_start: later(10_000) }
        );
    }

    #[test]
    fn a_window_that_begins_with_its_first_request_is_not_extended() {
        let limit = RateLimit { begins: WindowStart::FirstRequest, ..LIMIT };
        assert_eq!(limit.record(None, moment()), state(1));
        assert_eq!(limit.record(Some(state(2)), later(9_999)), state(3));
        assert_eq!(
            limit.record(Some(state(3)), later(10_000)),
            RateLimitState { count: 1, window_start: later(10_000) }
        );
    }

    /// A process whose clock is ahead may store a time in the future. Its requests count, but a clock that has been set
    /// back by more than one window refuses no request.
    #[test]
    fn a_state_from_the_future_counts_for_at_most_one_window() {
        for begins in [WindowStart::FirstRequest, WindowStart::LastRequest] {
            let limit = RateLimit { begins, ..LIMIT };
            let ahead = |millis| Some(RateLimitState { count: 3, window_start: later(millis) });
            assert_eq!(limit.decide(ahead(10_000), moment()), Decision::Refused { retry_after_seconds: 10 });
            assert_eq!(limit.record(ahead(10_000), moment()).count, 4);
            assert_eq!(limit.decide(ahead(10_001), moment()), Decision::Allowed);
            assert_eq!(limit.record(ahead(10_001), moment()), state(1));
        }
    }
}
