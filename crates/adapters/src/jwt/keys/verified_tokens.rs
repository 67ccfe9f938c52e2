//! A cache of the tokens whose signatures have been verified, so that the same token need not be verified again.

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

/// Maximum number of tokens to remember for each key set.
const CAPACITY: u64 = 8192;

/// The tokens whose signatures the keys of one set have verified. If a client sends such a token again, its signature
/// is not checked again.
///
/// Skipping the check is safe, because a valid signature never becomes invalid. Tokens with invalid signatures are not
/// remembered. The claims of a token are checked every time, and a key that is no longer published no longer verifies
/// any token.
#[derive(Clone)]
pub(super) struct VerifiedTokens(Cache<(usize, [u8; 32]), ()>);

impl VerifiedTokens {
    pub(super) fn new() -> Self {
        // A full cache evicts the least recently used token. By moka's default policy, tokens that were used often
        // would stay even after they have expired.
        Self(Cache::builder().max_capacity(CAPACITY).eviction_policy(EvictionPolicy::lru()).build())
    }

    /// Returns `true` if the key at index `key` has verified `token` before, or if `check` succeeds now.
    pub(super) fn contains_or_check(&self, key: usize, token: &str, check: impl FnOnce() -> bool) -> bool {
        let entry = (key, Sha256::digest(token).into());
        if self.0.get(&entry).is_some() {
            return true;
        }
        let is_valid = check();
        if is_valid {
            self.0.insert(entry, ());
        }
        is_valid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_checked(verified: &VerifiedTokens, key: usize, token: &str) -> bool {
        let mut is_checked = false;
        assert!(verified.contains_or_check(key, token, || {
            is_checked = true;
            true
        }));
        is_checked
    }

    #[test]
    fn valid_tokens_are_checked_once_and_invalid_ones_every_time() {
        let verified = VerifiedTokens::new();
        assert!(!verified.contains_or_check(0, "a.b.c", || false));
        assert!(is_checked(&verified, 0, "a.b.c"));
        assert!(!is_checked(&verified, 0, "a.b.c"));
        for other in ["a.b.d", "a.b.c ", "a.b.", "A.b.c", ""] {
            assert!(!verified.contains_or_check(0, other, || false), "{other:?}");
        }
    }

    #[test]
    fn a_token_of_one_key_is_not_a_token_of_another() {
        let verified = VerifiedTokens::new();
        assert!(is_checked(&verified, 0, "a.b.c"));
        assert!(!verified.contains_or_check(1, "a.b.c", || false));
    }

    #[test]
    fn the_number_of_tokens_is_bounded_and_recently_used_ones_stay() {
        let verified = VerifiedTokens::new();
        is_checked(&verified, 0, "used");
        is_checked(&verified, 0, "unused");
        for number in 0..10 * CAPACITY {
            is_checked(&verified, 0, &number.to_string());
            if number % 1000 == 0 {
                assert!(!is_checked(&verified, 0, "used"));
            }
        }
        assert!(is_checked(&verified, 0, "unused"));
        verified.0.run_pending_tasks();
        assert!(verified.0.entry_count() <= CAPACITY);
    }
}
