//! The id by which an answer and the lines of log that belong to it find each other.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// Where callers give theirs, and read it in the answer.
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request. It may be anything that a caller says, so it is no secret and proves nothing.
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    const MAX_BYTES: usize = 128;

    /// The caller's own, when that is 1 to 128 of the characters that stand for themselves in a URL (RFC 3986,
    /// section 2.3): in a log none of them can be taken for anything else. Otherwise a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers.get(&X_REQUEST_ID).filter(|given| is_plain(given.as_bytes())).cloned().map_or_else(Self::random, Self)
    }

    /// 32 hexadecimal digits. The standard library's hashers are keyed at random, each with another key: that is enough
    /// for an id that nobody has to guess.
    fn random() -> Self {
        let random = RandomState::new();
        let mut digits = String::with_capacity(32);
        let _ = write!(digits, "{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
        Self(HeaderValue::try_from(digits).unwrap_or_else(|_never| HeaderValue::from_static("-")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Puts it into the head of the answer.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID.clone(), self.0.clone());
    }
}

fn is_plain(given: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._~-".contains(byte);
    (1..=RequestId::MAX_BYTES).contains(&given.len()) && given.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(given: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID.clone(), HeaderValue::from_bytes(given).unwrap());
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn what_is_plain_and_short_is_kept() {
        let longest = "x".repeat(128);
        for given in ["a", "0", "01J9ZQ-A.b_c~", longest.as_str()] {
            assert_eq!(of(given.as_bytes()), given);
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_replaced() {
        let too_long = "x".repeat(129);
        let others = ["", " ", "a b", "a\"b", "a=b", "{}", "\u{fc}", "a\tb", "a,b", "a;b", "a/b", "a%0Ab", &too_long];
        for given in others {
            let made = of(given.as_bytes());
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{given:?}: {made}");
        }
    }

    #[test]
    fn no_two_are_the_same() {
        let made: HashSet<_> = (0..10_000).map(|_| RequestId::random().as_str().to_owned()).collect();
        assert_eq!(made.len(), 10_000);
    }
}
