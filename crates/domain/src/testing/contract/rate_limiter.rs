//! The contract of [`RateLimiter`]. The limiter must not have counted any request when a test starts.

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::RateLimiter;
use crate::rate_limit::{Decision, RateLimit, WindowStart};
use crate::testing::fixtures::moment;
use crate::time::Timestamp;

/// The tests of a [`RateLimiter`]; see [`contract`](crate::testing::contract).
#[macro_export]
macro_rules! rate_limiter_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            rate_limiter,
            $subject,
            [
                requests_over_the_limit_are_refused,
                a_window_restarts_with_every_allowed_request,
                a_window_that_begins_with_its_first_request_is_not_extended,
                a_window_that_begins_in_the_far_future_is_over,
                refused_requests_do_not_count,
                an_undone_hit_does_not_count,
                keys_are_compared_byte_for_byte,
                of_concurrent_requests_no_more_than_the_limit_are_allowed,
                concurrent_requests_restart_the_window_once,
                old_counts_are_deleted,
            ]
        );
    };
}

const LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), begins: WindowStart::LastRequest, max: 3 };

fn second(seconds: u64) -> Timestamp {
    moment().after(Duration::from_secs(seconds))
}

async fn hit(limiter: &dyn RateLimiter, key: &str, seconds: u64) -> Decision {
    limiter.hit(key, LIMIT, second(seconds)).await.unwrap()
}

async fn exhaust(limiter: &dyn RateLimiter, key: &str) {
    for _ in 0..LIMIT.max {
        assert_eq!(hit(limiter, key, 0).await, Decision::Allowed, "{key}");
    }
}

/// A refusal says how many seconds to wait.
pub async fn requests_over_the_limit_are_refused(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    assert_eq!(hit(limiter, "key", 0).await, Decision::Refused { retry_after_seconds: 10 });
    assert_eq!(hit(limiter, "key", 9).await, Decision::Refused { retry_after_seconds: 1 });
    exhaust_again(limiter).await;
}

async fn exhaust_again(limiter: &dyn RateLimiter) {
    for _ in 0..LIMIT.max {
        assert_eq!(hit(limiter, "key", 10).await, Decision::Allowed);
    }
    assert_eq!(hit(limiter, "key", 10).await, Decision::Refused { retry_after_seconds: 10 });
}

/// A window ends a fixed time after the last allowed request, not after the first one. A client that sends slowly
/// therefore also reaches the limit.
pub async fn a_window_restarts_with_every_allowed_request(limiter: &dyn RateLimiter) {
    for seconds in [0, 6, 12] {
        assert_eq!(hit(limiter, "key", seconds).await, Decision::Allowed);
    }
    assert_eq!(hit(limiter, "key", 18).await, Decision::Refused { retry_after_seconds: 4 });
    assert_eq!(hit(limiter, "key", 22).await, Decision::Allowed);
}

/// A client that sends more slowly than the limit allows is never refused. One that sends faster is refused until the
/// window that its first request has begun ends.
pub async fn a_window_that_begins_with_its_first_request_is_not_extended(limiter: &dyn RateLimiter) {
    let limit = RateLimit { begins: WindowStart::FirstRequest, ..LIMIT };
    let hit = async |key, seconds| limiter.hit(key, limit, second(seconds)).await.unwrap();
    for seconds in (0..60).step_by(4) {
        assert_eq!(hit("slow", seconds).await, Decision::Allowed, "{seconds}");
    }
    for seconds in [0, 6, 8] {
        assert_eq!(hit("fast", seconds).await, Decision::Allowed);
    }
    assert_eq!(hit("fast", 9).await, Decision::Refused { retry_after_seconds: 1 });
    for seconds in [10, 11, 12] {
        assert_eq!(hit("fast", seconds).await, Decision::Allowed);
    }
    assert_eq!(hit("fast", 12).await, Decision::Refused { retry_after_seconds: 8 });
}

/// A clock that has been set back locks no client out: a window that would begin later than one window from now is
/// over. Until then, the count continues, because the clocks of several processes differ.
pub async fn a_window_that_begins_in_the_far_future_is_over(limiter: &dyn RateLimiter) {
    for begins in [WindowStart::FirstRequest, WindowStart::LastRequest] {
        let limit = RateLimit { begins, ..LIMIT };
        let key = format!("{begins:?}");
        let hit = async |seconds| limiter.hit(&key, limit, second(seconds)).await.unwrap();
        for _ in 0..LIMIT.max {
            assert_eq!(hit(100).await, Decision::Allowed, "{begins:?}");
        }
        assert_eq!(hit(90).await, Decision::Refused { retry_after_seconds: 10 }, "{begins:?}");
        for _ in 0..LIMIT.max {
            assert_eq!(hit(89).await, Decision::Allowed, "{begins:?}");
        }
        assert_eq!(hit(89).await, Decision::Refused { retry_after_seconds: 10 }, "{begins:?}");
    }
}

/// A refused request is not counted and does not extend the window.
pub async fn refused_requests_do_not_count(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    for seconds in 0..10 {
        assert_ne!(hit(limiter, "key", seconds).await, Decision::Allowed);
    }
    exhaust_again(limiter).await;
}

/// For each undone request, one more is allowed, but never more than the limit. Other keys are not affected.
pub async fn an_undone_hit_does_not_count(limiter: &dyn RateLimiter) {
    limiter.undo_hit("key").await;
    exhaust(limiter, "key").await;
    exhaust(limiter, "other").await;
    join_all((0..2).map(|_| limiter.undo_hit("key"))).await;
    assert_eq!(allowed_of_many(limiter, 1).await, 2);
    assert_eq!(hit(limiter, "key", 1).await, Decision::Refused { retry_after_seconds: 10 });
    assert_eq!(hit(limiter, "other", 1).await, Decision::Refused { retry_after_seconds: 9 });
    for _ in 0..=LIMIT.max {
        limiter.undo_hit("key").await;
    }
    assert_eq!(allowed_of_many(limiter, 1).await, 3);
}

/// Each key is counted separately, even if two differ only in case, spaces, Unicode normalization or length, or if one
/// contains an SQL wildcard.
pub async fn keys_are_compared_byte_for_byte(limiter: &dyn RateLimiter) {
    let long = "x".repeat(300);
    for key in ["key", "KEY", "key ", "", "%", "ke_", "kéy", "ke\u{301}y", "' OR 1=1 --", &long, &format!("{long}y")] {
        exhaust(limiter, key).await;
        assert_ne!(hit(limiter, key, 0).await, Decision::Allowed, "{key}");
    }
}

async fn allowed_of_many(limiter: &dyn RateLimiter, seconds: u64) -> usize {
    let answers = join_all((0..20).map(|_| hit(limiter, "key", seconds))).await;
    answers.iter().filter(|answer| **answer == Decision::Allowed).count()
}

/// If nothing has been counted yet, exactly as many concurrent requests are allowed as the limit permits.
pub async fn of_concurrent_requests_no_more_than_the_limit_are_allowed(limiter: &dyn RateLimiter) {
    assert_eq!(allowed_of_many(limiter, 0).await, 3);
}

/// If the last window has ended, exactly as many concurrent requests are allowed as the limit permits.
pub async fn concurrent_requests_restart_the_window_once(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    assert_eq!(allowed_of_many(limiter, 10).await, 3);
}

/// A count is kept if its window did not begin earlier than the given time, and deleted otherwise.
pub async fn old_counts_are_deleted(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    limiter.delete_before(second(0)).await.unwrap();
    assert_ne!(hit(limiter, "key", 1).await, Decision::Allowed);
    limiter.delete_before(second(1)).await.unwrap();
    assert_eq!(hit(limiter, "key", 1).await, Decision::Allowed);
}
