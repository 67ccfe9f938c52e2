//! The contract of [`IdGenerator`].
#![expect(clippy::unused_async, reason = "a suite is a set of async functions")]

use std::collections::HashSet;

use crate::ports::IdGenerator;

/// The tests of an [`IdGenerator`]; see [`contract`](crate::testing::contract).
#[macro_export]
macro_rules! id_generator_contract {
    ($subject:expr) => {
        $crate::contract_tests!(ids, $subject, [ids_are_32_letters_and_digits, ids_do_not_repeat]);
    };
}

/// In 1,000 ids, all 62 letters and digits occur, and no other characters.
pub async fn ids_are_32_letters_and_digits(ids: &dyn IdGenerator) {
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let id = ids.generate().into_string();
        assert_eq!(id.len(), 32);
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
        seen.extend(id.chars());
    }
    assert_eq!(seen.len(), 62);
}

/// 10,000 ids are all different.
pub async fn ids_do_not_repeat(ids: &dyn IdGenerator) {
    let drawn: HashSet<_> = (0..10_000).map(|_| ids.generate().into_string()).collect();
    assert_eq!(drawn.len(), 10_000);
}
