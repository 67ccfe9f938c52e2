//! The contract of [`PasswordHasher`]. It does not assert that every failed verification takes the same time. The hasher
//! must let at least 2 and at most 100 passwords wait.

use futures_util::future::{join, join_all};

use crate::client_network::ClientNetwork;
use crate::ports::{HashError, PasswordHasher};
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
                a_password_of_72_bytes_is_compared_in_full,
                every_byte_of_the_longest_password_counts,
                a_password_extended_with_a_nul_does_not_match,
                different_compositions_of_a_password_match,
                each_hash_has_its_own_salt,
                no_password_matches_a_missing_or_invalid_hash,
                only_hashes_like_its_own_are_current,
                a_flood_from_one_network_is_refused_and_another_network_is_served,
            ]
        );
    };
}

async fn hash(hasher: &dyn PasswordHasher, password: &str) -> PasswordHash {
    let password = NewPassword::parse(password, hasher.algorithm()).unwrap();
    hasher.hash(ClientNetwork::UNKNOWN, password).await.unwrap()
}

async fn matches(hasher: &dyn PasswordHasher, password: &str, stored: &PasswordHash) -> bool {
    hasher.verify(ClientNetwork::UNKNOWN, Password::parse(password).unwrap(), Some(stored.clone())).await.unwrap()
}

/// Only the exact password matches its hash, and the hash does not contain the password.
pub async fn a_password_matches_its_own_hash_only(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "correct horse").await;
    assert!(!stored.expose().contains("correct"));
    assert!(matches(hasher, "correct horse", &stored).await);
    for wrong in ["", "correct hors", "correct horse ", " correct horse", "Correct horse", "correct\u{a0}horsé"] {
        assert!(!matches(hasher, wrong, &stored).await, "{wrong:?}");
    }
}

/// Neither the stored password nor the compared one is truncated to 72 bytes.
pub async fn a_password_of_72_bytes_is_compared_in_full(hasher: &dyn PasswordHasher) {
    let longest = "x".repeat(72);
    let stored = hash(hasher, &longest).await;
    assert!(matches(hasher, &longest, &stored).await);
    for wrong in ["x".repeat(71), "x".repeat(73), format!("{}y", "x".repeat(71)), "x".repeat(128)] {
        assert!(!matches(hasher, &wrong, &stored).await, "{} bytes", wrong.len());
    }
}

/// The longest password that the algorithm supports is compared in full.
pub async fn every_byte_of_the_longest_password_counts(hasher: &dyn PasswordHasher) {
    let chars = match hasher.algorithm() {
        HashAlgorithm::Bcrypt => NewPassword::MAX_BYTES,
        HashAlgorithm::Scrypt => Password::MAX_UNITS,
    };
    let longest = "x".repeat(chars);
    let stored = hash(hasher, &longest).await;
    assert!(matches(hasher, &longest, &stored).await);
    assert!(!matches(hasher, &format!("{}y", &longest[1..]), &stored).await);
}

/// Without a check for NULs, the hash of a password `p` also matches other passwords. With bcrypt, which repeats its
/// key after a NUL, it matches `p`, NUL, `p`. With scrypt, which ignores NULs at the end, it matches `p`, NUL.
pub async fn a_password_extended_with_a_nul_does_not_match(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "password").await;
    for wrong in ["password\0", "password\0password", "password\0password\0password", "\0", "\0password"] {
        assert!(!matches(hasher, wrong, &stored).await, "{wrong:?}");
    }
}

/// Passwords are normalized, so both forms of an accented letter match, and so do a ligature and its letters.
pub async fn different_compositions_of_a_password_match(hasher: &dyn PasswordHasher) {
    let stored = hash(hasher, "café-\u{fb01}rst-Ⅳ").await;
    for same in ["cafe\u{301}-\u{fb01}rst-Ⅳ", "café-first-IV"] {
        assert!(matches(hasher, same, &stored).await, "{same:?}");
    }
    assert!(!matches(hasher, "cafe-first-IV", &stored).await);
}

/// Two hashes of one password differ, and the password matches both.
pub async fn each_hash_has_its_own_salt(hasher: &dyn PasswordHasher) {
    let (one, other) = (hash(hasher, "correct horse").await, hash(hasher, "correct horse").await);
    assert!(one != other);
    assert!(matches(hasher, "correct horse", &one).await && matches(hasher, "correct horse", &other).await);
}

/// Verification against a missing or invalid hash returns `false`, not an error, and does not panic.
pub async fn no_password_matches_a_missing_or_invalid_hash(hasher: &dyn PasswordHasher) {
    let password = Password::parse("correct horse").unwrap();
    assert!(!hasher.verify(ClientNetwork::UNKNOWN, password, None).await.unwrap());
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

/// A hash that the hasher has just computed is current, and an invalid hash is not.
pub async fn only_hashes_like_its_own_are_current(hasher: &dyn PasswordHasher) {
    let written = hash(hasher, "correct horse").await;
    assert!(hasher.is_current(&written));
    for broken in ["", "x", "$2b$", ":"] {
        assert!(!hasher.is_current(&PasswordHash::new(broken.into())), "{broken}");
    }
}

/// Of many passwords from addresses of one IPv6 /60, some are refused. A password from elsewhere is verified although
/// the queue is full.
pub async fn a_flood_from_one_network_is_refused_and_another_network_is_served(hasher: &dyn PasswordHasher) {
    let verify = |address: String| {
        let client = ClientNetwork::of(Some(address.parse().unwrap()));
        hasher.verify(client, Password::parse("correct horse").unwrap(), None)
    };
    let flood = join_all((0..200).map(|number| verify(format!("2001:db8:0:a0{:x}::1", number % 16))));
    let (flood, elsewhere) = join(flood, verify("198.51.100.1".into())).await;
    assert!(!elsewhere.unwrap());
    assert!(flood.iter().any(|result| matches!(result, Ok(false))));
    assert!(flood.iter().any(|result| matches!(result, Err(HashError::Busy))));
}
