//! Ids of resources.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The id of a resource `R`, unique among those of all users. Ids of different resources are different types.
pub struct Id<R> {
    number: i64,
    resource: PhantomData<fn() -> R>,
}

impl<R> Id<R> {
    /// Creates an id. Every 64-bit integer is valid, whether or not a resource has it.
    #[must_use]
    pub fn new(number: i64) -> Self {
        Self { number, resource: PhantomData }
    }

    /// Parses the decimal form. Returns `None` for any text that [`fmt::Display`] would write differently, such as one
    /// with a sign `+`, leading zeros, spaces, an exponent or non-ASCII digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self::new(text.parse().ok()?);
        (id.to_string() == text).then_some(id)
    }

    /// Returns the id as a number.
    #[must_use]
    pub fn number(self) -> i64 {
        self.number
    }
}

// Derived implementations would require that `R` implements the trait, too.

impl<R> Clone for Id<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Id<R> {}

impl<R> PartialEq for Id<R> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<R> Eq for Id<R> {}

impl<R> PartialOrd for Id<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Id<R> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.number.cmp(&other.number)
    }
}

impl<R> Hash for Id<R> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl<R> fmt::Debug for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Id").field(&self.number).finish()
    }
}

impl<R> fmt::Display for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type AnyId = Id<()>;

    #[test]
    fn an_id_has_one_decimal_form() {
        for good in ["0", "-1", "7", "9223372036854775807", "-9223372036854775808"] {
            assert_eq!(AnyId::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            " 1",
            "1 ",
            "+1",
            "01",
            "-0",
            "1e3",
            "1.0",
            "0x10",
            "1_000",
            "９",
            "9223372036854775808",
            "true",
            "null",
            "NaN",
            "1 OR 1=1",
            "--1",
        ] {
            assert_eq!(AnyId::parse(bad), None, "{bad:?}");
        }
        assert_eq!(AnyId::parse(&"1".repeat(1000)), None);
    }
}
