//! Times with the precision of the API and the databases.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, TimeDelta, Timelike, Utc};

/// A time in UTC with millisecond precision.
///
/// Times are truncated to milliseconds, which every supported database stores, so that a value read from the database
/// equals the one that was written. The [`Display`](fmt::Display) form is `YYYY-MM-DDTHH:MM:SS.mmmZ` (RFC 3339). All
/// times in the responses of the API and in SQLite have this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The start of Unix time, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// Creates a timestamp from `time`, truncated to milliseconds.
    #[must_use]
    pub fn new(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(3))
    }

    /// Converts seconds since 1970-01-01T00:00:00Z. Returns `None` if the crate `chrono` cannot represent the time.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        DateTime::from_timestamp(seconds, 0).map(Self)
    }

    /// Converts milliseconds since 1970-01-01T00:00:00Z. Returns `None` if the crate `chrono` cannot represent the
    /// time.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        DateTime::from_timestamp_millis(millis).map(Self)
    }

    /// Parses a time of RFC 3339, such as `2026-12-24T18:00:00+01:00`. Returns `None` if the text has another form.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|time| Self::new(time.to_utc()))
    }

    /// Returns the time as a value of the crate `chrono`.
    #[must_use]
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }

    /// Returns the seconds since 1970-01-01T00:00:00Z, rounded down (a `NumericDate` of RFC 7519, section 2).
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Returns the milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_millis(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Returns the time from `earlier` to `self`, or zero if `earlier` is later than `self`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        (self.0 - earlier.0).to_std().unwrap_or_default()
    }

    /// Returns the time that is `duration` earlier, or the earliest time of the crate `chrono` if that is out of range.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self::new(self.0.checked_sub_signed(delta).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// Returns the time that is `duration` later, or the latest time of the crate `chrono` if that is out of range.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let delta = TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX);
        Self::new(self.0.checked_add_signed(delta).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, millis) = (self.0.year(), self.0.timestamp_subsec_millis());
        if !(0..=9999).contains(&year) || millis > 999 {
            return f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true));
        }
        // The code below is much faster than the formatting of the crate `chrono`, which matters for long lists of
        // tasks.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let numbers = [
            (0..4, year.unsigned_abs()),
            (5..7, self.0.month()),
            (8..10, self.0.day()),
            (11..13, self.0.hour()),
            (14..16, self.0.minute()),
            (17..19, self.0.second()),
            (20..23, millis),
        ];
        for (range, mut number) in numbers {
            for index in range.rev() {
                text[index] += u8::try_from(number % 10).map_err(|_never| fmt::Error)?;
                number /= 10;
            }
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_never| fmt::Error)?)
    }
}

/// A stored time with microsecond precision.
///
/// Other programs may store times more precisely than a [`Timestamp`]. A cursor with a time in
/// milliseconds could not distinguish rows whose times differ by less than a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreciseTimestamp(DateTime<Utc>);

impl PreciseTimestamp {
    /// Wraps a time from the store.
    #[must_use]
    pub fn new(time: DateTime<Utc>) -> Self {
        Self(time)
    }

    /// Converts a number of microseconds since 1970-01-01T00:00:00Z. Returns `None` outside the years 1 to 9999, the
    /// range that every supported database can compare.
    #[must_use]
    pub fn from_unix_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).filter(|time| (1..=9999).contains(&time.year())).map(Self)
    }

    /// Returns the number of microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Returns the time as a value of `chrono`.
    #[must_use]
    pub fn datetime(self) -> DateTime<Utc> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_truncated_to_milliseconds_and_has_three_decimals() {
        let moment = DateTime::from_timestamp(1_795_225_503, 596_999_999).unwrap();
        assert_eq!(Timestamp::new(moment).to_string(), "2026-11-21T01:45:03.596Z");
        assert_eq!(Timestamp::from_unix_seconds(0).unwrap().to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_timestamp_is_formatted_as_chrono_formats_it() {
        let mut seconds = -70_000_000_000;
        while seconds < 260_000_000_000 {
            let moment = DateTime::from_timestamp(seconds, 7_000_000).unwrap();
            assert_eq!(Timestamp::new(moment).to_string(), moment.to_rfc3339_opts(SecondsFormat::Millis, true));
            seconds += 86_400 * 29 + 3_661;
        }
        let leap_second = DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap();
        assert_eq!(Timestamp::new(leap_second).to_string(), "2016-12-31T23:59:60.500Z");
    }

    #[test]
    fn addition_saturates() {
        let start = Timestamp::from_unix_seconds(0).unwrap();
        assert_eq!(start.after(Duration::from_mins(15)).unix_seconds(), 900);
        assert!(start.after(Duration::MAX) > start);
    }

    #[test]
    fn the_time_since_a_later_timestamp_is_zero() {
        let start = Timestamp::from_unix_seconds(0).unwrap();
        let later = start.after(Duration::from_millis(1));
        assert_eq!((later.since(start), start.since(later)), (Duration::from_millis(1), Duration::ZERO));
    }

    #[test]
    fn a_precise_timestamp_lies_within_the_range_of_every_database() {
        let micros = 1_795_225_503_596_999;
        assert_eq!(PreciseTimestamp::from_unix_micros(micros).unwrap().unix_micros(), micros);
        assert!(PreciseTimestamp::from_unix_micros(-62_135_596_800_000_000).is_some());
        for beyond in [i64::MIN, -62_135_596_800_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(PreciseTimestamp::from_unix_micros(beyond), None);
        }
    }
}
