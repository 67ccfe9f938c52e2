//! Request ids, which make it possible to find the log lines of a response.

use std::hash::{BuildHasher, RandomState};

use actix_web::Error;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

use super::response_headers::with_headers;

/// The header that contains the request id, in requests and responses.
static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Returns the id of the request that the current task handles: 1 to 128 letters, digits, `-`, `.`, `_` and `~`.
#[must_use]
pub fn request_id() -> Option<String> {
    CURRENT.try_with(|id| id.as_str().to_owned()).ok()
}

/// The id of a request. Clients may choose it, so it is neither secret nor unique.
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    const MAX_BYTES: usize = 128;

    /// Returns the id that the client sent if it consists of 1 to 128 unreserved characters (RFC 3986, section 2.3),
    /// which have no special meaning in logs. Otherwise returns a new id.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers.get(&X_REQUEST_ID).filter(|given| is_plain(given.as_bytes())).cloned().map_or_else(Self::random, Self)
    }

    /// Returns 32 random hexadecimal digits. The randomly keyed hashers of the standard library suffice, because the id
    /// need not be unpredictable.
    fn random() -> Self {
        let random = RandomState::new();
        let number = u128::from(random.hash_one(0)) << 64 | u128::from(random.hash_one(1));
        let digit = |place: u32| b"0123456789abcdef"[(number >> (4 * place) & 0xf) as usize];
        let digits: Vec<u8> = (0..32).rev().map(digit).collect();
        Self(HeaderValue::try_from(digits).unwrap_or_else(|_never| HeaderValue::from_static("-")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// Runs `service` with this id as the current [`request_id`], and adds the id to the response.
    pub(crate) async fn scope<B>(
        self,
        service: impl Future<Output = Result<ServiceResponse<B>, Error>>,
    ) -> Result<ServiceResponse<B>, Error> {
        let id = self.0.clone();
        let outcome = CURRENT.scope(self, service).await;
        with_headers(outcome, move |headers| drop(headers.insert(X_REQUEST_ID.clone(), id.clone())))
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
    fn short_ids_of_unreserved_characters_are_kept() {
        let longest = "x".repeat(128);
        for given in ["a", "0", "01J9ZQ-A.b_c~", longest.as_str()] {
            assert_eq!(of(given.as_bytes()), given);
        }
    }

    #[test]
    fn other_ids_are_replaced() {
        let too_long = "x".repeat(129);
        let others = ["", " ", "a b", "a\"b", "a=b", "{}", "\u{fc}", "a\tb", "a,b", "a;b", "a/b", "a%0Ab", &too_long];
        for given in others {
            let made = of(given.as_bytes());
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{given:?}: {made}");
        }
    }

    #[test]
    fn new_ids_are_unique() {
        let made: HashSet<_> = (0..10_000).map(|_| RequestId::random().as_str().to_owned()).collect();
        assert_eq!(made.len(), 10_000);
    }
}
