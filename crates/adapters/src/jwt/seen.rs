//! Signatures that have been checked already.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// How many tokens are remembered at least, if there are so many; twice as many at the most, of 32 bytes each.
const CAPACITY: usize = 4096;

/// The tokens that one key was found to have signed, each by the SHA-256 of all of it.
///
/// Only the signature is remembered, which never becomes wrong. Everything else about a token is judged every time, and
/// a key that is no longer published is not asked any more.
#[derive(Default)]
pub(super) struct Seen(Mutex<Generations>);

/// When the younger generation is full the older one is forgotten: what is in use has been asked for since.
#[derive(Default)]
struct Generations {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl Seen {
    /// Whether `check` says yes about this token, or has done so before.
    pub(super) fn or_check(&self, token: &str, check: impl FnOnce() -> bool) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        if self.generations(|all| all.find(&digest)) {
            return true;
        }
        let is_signed = check();
        if is_signed {
            self.generations(|all| all.add(digest));
        }
        is_signed
    }

    fn generations<T>(&self, work: impl FnOnce(&mut Generations) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    fn find(&mut self, digest: &[u8; 32]) -> bool {
        if self.young.contains(digest) {
            return true;
        }
        let is_old = self.old.contains(digest);
        if is_old {
            self.add(*digest);
        }
        is_old
    }

    fn add(&mut self, digest: [u8; 32]) {
        if self.young.len() == CAPACITY {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks(seen: &Seen, token: &str) -> bool {
        let mut is_checked = false;
        assert!(seen.or_check(token, || {
            is_checked = true;
            true
        }));
        is_checked
    }

    #[test]
    fn what_was_good_is_not_checked_again_and_what_was_not_is() {
        let seen = Seen::default();
        assert!(!seen.or_check("a.b.c", || false));
        assert!(checks(&seen, "a.b.c"));
        assert!(!checks(&seen, "a.b.c"));
        for other in ["a.b.d", "a.b.c ", "a.b.", "A.b.c", ""] {
            assert!(!seen.or_check(other, || false), "{other:?}");
        }
    }

    /// What is in use stays, however many others come by.
    #[test]
    fn it_is_bounded_and_forgets_what_is_not_used() {
        let seen = Seen::default();
        checks(&seen, "used");
        checks(&seen, "unused");
        for number in 0..10 * CAPACITY {
            checks(&seen, &number.to_string());
            if number % 1000 == 0 {
                assert!(!checks(&seen, "used"));
            }
        }
        assert!(checks(&seen, "unused"));
        assert!(seen.generations(|all| all.young.len() + all.old.len()) <= 2 * CAPACITY);
    }
}
