//! The contract of [`PasswordHasher`]. What it cannot assert, that every refusal costs the same, is a matter of
//! measurement.

use crate::ports::PasswordHasher;
use crate::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

/// The tests of a [`PasswordHasher`]; see [`contract`](crate::testing::contract).
#[macro_export]
macro_rules! password_hasher_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            passwords,
            $subject,
            [
                a_password_matches_its_own_hash_only,
                every_byte_of_a_password_counts,
                the_longest_password_of_its_form_counts_in_full,
                a_nul_matches_nothing,
                compositions_of_a_password_match,
                two_hashes_of_a_password_differ,
                no_hash_and_broken_hashes_match_nothing,
                only_what_it_would_write_is_current,
            ]
        );
    };
}

async fn hash(hasher: &dyn PasswordHasher, password: &str) -> PasswordHash {
    hasher.hash(NewPassword::parse(password, hasher.algorithm()).unwrap()).await.unwrap()
}

async fn matches(hasher: &dyn PasswordHasher, password: &str, stored: &PasswordHash) -> bool {
    hasher.verify(Password::parse(password).unwrap(), Some(stored.clone())).await.unwrap()
}

/// And the hash does not show the password.
pub async fn a_password_matches_its_own_hash_only(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "correct horse").await;
    assert!(!stored.expose().contains("correct"));
    assert!(matches(hasher, "correct horse", &stored).await);
    for wrong in ["", "correct hors", "correct horse ", " correct horse", "Correct horse", "correct\u{a0}horsé"] {
        assert!(!matches(hasher, wrong, &stored).await, "{wrong:?}");
    }
}

/// Nothing is cut off, neither of the stored password nor of the one compared.
pub async fn every_byte_of_a_password_counts(hasher: &dyn PasswordHasher) {
    let longest = "x".repeat(72);
    let stored = hash(hasher, &longest).await;
    assert!(matches(hasher, &longest, &stored).await);
    for wrong in ["x".repeat(71), "x".repeat(73), format!("{}y", "x".repeat(71)), "x".repeat(128)] {
        assert!(!matches(hasher, &wrong, &stored).await, "{} bytes", wrong.len());
    }
}

/// What can be set is told apart to its last character.
pub async fn the_longest_password_of_its_form_counts_in_full(hasher: &dyn PasswordHasher) {
    let chars = match hasher.algorithm() {
        HashAlgorithm::Bcrypt => NewPassword::MAX_BYTES,
        HashAlgorithm::Scrypt => Password::MAX_UNITS,
    };
    let longest = "x".repeat(chars);
    let stored = hash(hasher, &longest).await;
    assert!(matches(hasher, &longest, &stored).await);
    assert!(!matches(hasher, &format!("{}y", &longest[1..]), &stored).await);
}

/// bcrypt repeats its key: without care the hash of P matches P NUL P. So does scrypt's of P match P NUL.
pub async fn a_nul_matches_nothing(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "password").await;
    for wrong in ["password\0", "password\0password", "password\0password\0password", "\0", "\0password"] {
        assert!(!matches(hasher, wrong, &stored).await, "{wrong:?}");
    }
}

/// However the keyboard composed it.
pub async fn compositions_of_a_password_match(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "café-\u{fb01}rst-Ⅳ").await;
    for same in ["cafe\u{301}-\u{fb01}rst-Ⅳ", "café-first-IV"] {
        assert!(matches(hasher, same, &stored).await, "{same:?}");
    }
    assert!(!matches(hasher, "cafe-first-IV", &stored).await);
}

/// Each has a salt of its own.
pub async fn two_hashes_of_a_password_differ(hasher: &dyn PasswordHasher) {
    let (one, other) = (hash(hasher, "correct horse").await, hash(hasher, "correct horse").await);
    assert!(one != other);
    assert!(matches(hasher, "correct horse", &one).await && matches(hasher, "correct horse", &other).await);
}

/// Refused, not failed, and never a panic.
pub async fn no_hash_and_broken_hashes_match_nothing(hasher: &dyn PasswordHasher) {
    assert!(!hasher.verify(Password::parse("correct horse").unwrap(), None).await.unwrap());
    for broken in [
        "",
        "correct horse",
        "$2b$",
        "$2b$04$",
        "$2b$04$tooshort",
        "$9z$04$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvwxyzabcde",
        "$2b$99$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvwxyzabcde",
        ":",
        "c0ffee:c0ffee",
        "0123456789abcdef0123456789abcdef:",
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        "éééééééééééééééééééééééééééééé",
        "$2b$04$éééééééééééééééééééééééééé",
        "\0",
    ] {
        assert!(!matches(hasher, "correct horse", &PasswordHash::new(broken.into())).await, "{broken:?}");
    }
}

/// What it has just written is; what is no hash is not.
pub async fn only_what_it_would_write_is_current(hasher: &dyn PasswordHasher) {
    let written = hasher.hash(NewPassword::parse("correct horse", hasher.algorithm()).unwrap()).await.unwrap();
    assert!(hasher.is_current(&written));
    for broken in ["", "x", "$2b$", ":"] {
        assert!(!hasher.is_current(&PasswordHash::new(broken.into())), "{broken}");
    }
}
