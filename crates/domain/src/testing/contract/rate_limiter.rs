//! The contract of [`RateLimiter`]. Nothing must have been counted yet.

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::RateLimiter;
use crate::rate_limit::{Decision, RateLimit};
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
                no_more_than_the_limit_are_allowed,
                a_window_is_over_after_a_quiet_time,
                what_is_refused_prolongs_nothing,
                a_look_counts_nothing,
                keys_are_told_apart,
                of_many_at_once_no_more_than_the_limit_are_allowed,
                the_window_ends_once_for_many_at_once,
                what_is_old_is_forgotten,
            ]
        );
    };
}

const LIMIT: RateLimit = RateLimit { window: Duration::from_secs(10), max: 3 };

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

/// And those above it are told how long to wait.
pub async fn no_more_than_the_limit_are_allowed(limiter: &dyn RateLimiter) {
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

/// Not after a fixed time: whoever goes on slowly is still stopped.
pub async fn a_window_is_over_after_a_quiet_time(limiter: &dyn RateLimiter) {
    for seconds in [0, 6, 12] {
        assert_eq!(hit(limiter, "key", seconds).await, Decision::Allowed);
    }
    assert_eq!(hit(limiter, "key", 18).await, Decision::Refused { retry_after_seconds: 4 });
    assert_eq!(hit(limiter, "key", 22).await, Decision::Allowed);
}

/// Nor does it count.
pub async fn what_is_refused_prolongs_nothing(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    for seconds in 0..10 {
        assert_ne!(hit(limiter, "key", seconds).await, Decision::Allowed);
    }
    exhaust_again(limiter).await;
}

/// Neither before nor after the limit is reached.
pub async fn a_look_counts_nothing(limiter: &dyn RateLimiter) {
    let look = async |seconds| limiter.peek("key", LIMIT, second(seconds)).await.unwrap();
    for _ in 0..=LIMIT.max {
        assert_eq!(look(0).await, Decision::Allowed);
    }
    exhaust(limiter, "key").await;
    assert_eq!(look(1).await, Decision::Refused { retry_after_seconds: 9 });
    assert_eq!(look(10).await, Decision::Allowed);
    exhaust_again(limiter).await;
}

/// Byte for byte.
pub async fn keys_are_told_apart(limiter: &dyn RateLimiter) {
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

/// Exactly so many, of those that are the first.
pub async fn of_many_at_once_no_more_than_the_limit_are_allowed(limiter: &dyn RateLimiter) {
    assert_eq!(allowed_of_many(limiter, 0).await, 3);
}

/// Exactly so many, also of those that find a window that is over.
pub async fn the_window_ends_once_for_many_at_once(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    assert_eq!(allowed_of_many(limiter, 10).await, 3);
}

/// And what is not old is kept.
pub async fn what_is_old_is_forgotten(limiter: &dyn RateLimiter) {
    exhaust(limiter, "key").await;
    limiter.delete_before(second(0)).await.unwrap();
    assert_ne!(hit(limiter, "key", 1).await, Decision::Allowed);
    limiter.delete_before(second(1)).await.unwrap();
    assert_eq!(hit(limiter, "key", 1).await, Decision::Allowed);
}
