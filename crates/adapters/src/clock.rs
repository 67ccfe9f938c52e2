//! The system clock.

use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::Clock;

/// Reads the time of the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads the system clock")]
    fn now(&self) -> Timestamp {
        Timestamp::new(chrono::Utc::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_advances() {
        let first = SystemClock.now();
        assert!(first.unix_seconds() > 1_700_000_000);
        while SystemClock.now() == first {
            std::hint::spin_loop();
        }
        assert!(SystemClock.now() > first);
    }
}
