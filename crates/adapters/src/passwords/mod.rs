//! Password hashing with bcrypt, and with scrypt in Better Auth's form.

mod fair_queue;
mod threads;

use std::sync::Arc;

use async_trait::async_trait;
use base16ct::lower;
use rand::RngExt;
use scrypt::Params;
use subtle::ConstantTimeEq;
use taskbridge_domain::Cause;
use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::{HashError, PasswordHasher};
use taskbridge_domain::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

pub use self::threads::HashingLoad;
use self::threads::HashingThreads;

/// Configuration of a [`ThreadedPasswordHasher`].
#[derive(Debug, Clone, Copy)]
pub struct ThreadedPasswordHasherConfig {
    /// The algorithm of new hashes.
    pub write: HashAlgorithm,
    /// bcrypt's work factor: the binary logarithm of the number of rounds. With a work factor of 12, a hash takes about
    /// a third of a second.
    pub bcrypt_cost: u32,
    /// Number of threads that hash passwords. scrypt needs 32 MiB of memory on each thread.
    pub threads: usize,
    /// Maximum number of passwords that wait for a thread. If there are more, the caller of one of them gets
    /// [`HashError::Busy`]: one from the client network with the most waiting passwords.
    pub queue: usize,
    /// Maximum number of passwords of one client network, an IPv4 /24 or an IPv6 /48, that wait for a thread.
    pub queue_per_network: usize,
}

/// Hashes new passwords on separate threads, with the configured algorithm. Verifies passwords against hashes of both
/// algorithms: bcrypt's `$2b$…` (also `$2a$`, `$2x$` and `$2y$`), and scrypt's `<salt>:<key>` as Better Auth stores it.
///
/// The networks of clients take turns, and share the places in the queue. If a future of this hasher is dropped before
/// a thread starts with its password, the password is not hashed.
///
/// If a password does not match, the answer takes as long as one comparison with each algorithm, whatever the reason,
/// so that the time reveals nothing about the account. It takes longer only if the stored bcrypt hash has a higher cost
/// than new hashes.
pub struct ThreadedPasswordHasher {
    threads: HashingThreads,
    write: HashAlgorithm,
    bcrypt_cost: u32,
}

impl ThreadedPasswordHasher {
    /// Starts the threads that hash passwords.
    ///
    /// # Errors
    /// The error of the operating system if it cannot start a thread.
    pub fn new(config: ThreadedPasswordHasherConfig) -> std::io::Result<Self> {
        let ThreadedPasswordHasherConfig { write, bcrypt_cost, threads, queue, queue_per_network } = config;
        let threads = HashingThreads::start(threads, queue, queue_per_network)?;
        Ok(Self { threads, write, bcrypt_cost })
    }

    /// Returns the load of the hashing threads. They update the returned value as the load changes.
    #[must_use]
    pub fn load(&self) -> Arc<HashingLoad> {
        self.threads.load()
    }
}

#[async_trait]
impl PasswordHasher for ThreadedPasswordHasher {
    fn algorithm(&self) -> HashAlgorithm {
        self.write
    }

    fn is_current(&self, stored: &PasswordHash) -> bool {
        match (self.write, StoredHash::parse(stored.expose())) {
            (HashAlgorithm::Scrypt, Some(StoredHash::Scrypt { .. })) => true,
            (HashAlgorithm::Bcrypt, Some(StoredHash::Bcrypt { cost, .. })) => cost == self.bcrypt_cost,
            _ => false,
        }
    }

    async fn hash(&self, client: ClientNetwork, password: NewPassword) -> Result<PasswordHash, HashError> {
        let (algorithm, cost) = (self.write, self.bcrypt_cost);
        let hashed = self.threads.run(client, move || hash(password.password().expose(), algorithm, cost)).await?;
        hashed.map(PasswordHash::new).map_err(HashError::Failed)
    }

    async fn verify(
        &self,
        client: ClientNetwork,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<bool, HashError> {
        let cost = self.bcrypt_cost;
        let stored = stored.and_then(|stored| StoredHash::parse(stored.expose()));
        self.threads.run(client, move || matches(&password, stored.as_ref(), cost, compare)).await
    }
}

/// A stored password hash after parsing.
#[derive(Clone)]
enum StoredHash {
    Bcrypt {
        cost: u32,
        hash: String,
    },
    /// A salt of 16 bytes and a key of 64 bytes, in lower-case hexadecimal digits.
    Scrypt {
        salt: String,
        key: String,
    },
}

impl StoredHash {
    fn parse(text: &str) -> Option<Self> {
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match text.split_once(':') {
            Some((salt, key)) if salt.len() == 32 && key.len() == 128 && is_hex(salt) && is_hex(key) => {
                Some(Self::Scrypt { salt: salt.into(), key: key.into() })
            }
            Some(_) => None,
            None => {
                let parts: bcrypt::HashParts = text.parse().ok()?;
                Some(Self::Bcrypt { cost: parts.get_cost(), hash: text.into() })
            }
        }
    }

    fn algorithm(&self) -> HashAlgorithm {
        match self {
            Self::Bcrypt { .. } => HashAlgorithm::Bcrypt,
            Self::Scrypt { .. } => HashAlgorithm::Scrypt,
        }
    }
}

/// Returns `true` if `stored` is a hash of `password`. Otherwise, returns `false` after the same work as if no hash
/// were stored: one comparison with bcrypt at `bcrypt_cost`, and one with scrypt.
///
/// If `compare` cannot compare the password with a hash, it must return `None` without doing any work.
fn matches(
    password: &Password,
    stored: Option<&StoredHash>,
    bcrypt_cost: u32,
    mut compare: impl FnMut(&str, &StoredHash) -> Option<bool>,
) -> bool {
    let compared = stored.and_then(|stored| Some((stored, compare(password.expose(), stored)?)));
    // bcrypt truncates long passwords and scrypt ignores trailing NULs, so a different password may match. Such a
    // password is not supported by the algorithm, so it cannot be the one that was set.
    if compared.is_some_and(|(stored, same)| same && stored.algorithm().supports(password)) {
        return true;
    }
    let (missing_costs, needs_scrypt) = match compared {
        None => (bcrypt_cost..bcrypt_cost + 1, true),
        Some((StoredHash::Scrypt { .. }, _)) => (bcrypt_cost..bcrypt_cost + 1, false),
        // A comparison at one cost takes twice as long as at the next lower cost. So one further comparison at each
        // cost from that of the stored hash to `bcrypt_cost - 1` adds up to the work of one comparison at
        // `bcrypt_cost`.
        Some((StoredHash::Bcrypt { cost, .. }, _)) => (*cost..bcrypt_cost, true),
    };
    let scrypt = needs_scrypt.then(scrypt_decoy);
    for decoy in missing_costs.map(bcrypt_decoy).chain(scrypt) {
        compare(password.expose(), &decoy);
    }
    false
}

/// Returns a bcrypt hash that matches no known password. Comparing a password with it takes as long as with a real hash
/// of the same cost.
fn bcrypt_decoy(cost: u32) -> StoredHash {
    StoredHash::Bcrypt { cost, hash: format!("$2b${cost:02}$TaskbridgeDecoySalt...TaskbridgeDecoyHashValue.......") }
}

fn scrypt_decoy() -> StoredHash {
    StoredHash::Scrypt { salt: "0".repeat(32), key: "0".repeat(128) }
}

fn compare(password: &str, stored: &StoredHash) -> Option<bool> {
    match stored {
        StoredHash::Bcrypt { hash, .. } => bcrypt::verify(password, hash).ok(),
        StoredHash::Scrypt { salt, key } => {
            Some(scrypt_key(password, salt).ok()?.as_bytes().ct_eq(key.as_bytes()).into())
        }
    }
}

/// Hashes a password with `algorithm`. The caller has a [`NewPassword`], which ensures that the algorithm supports the
/// password.
fn hash(password: &str, algorithm: HashAlgorithm, bcrypt_cost: u32) -> Result<String, Cause> {
    match algorithm {
        HashAlgorithm::Bcrypt => Ok(bcrypt::hash(password, bcrypt_cost)?),
        HashAlgorithm::Scrypt => {
            let salt = lower::encode_string(&rand::rng().random::<[u8; 16]>());
            let key = scrypt_key(password, &salt)?;
            Ok(format!("{salt}:{key}"))
        }
    }
}

/// Derives scrypt's key from a password, and returns it as hexadecimal digits. As in Better Auth, the salt consists of
/// the characters of `salt`, not of the bytes that these hexadecimal digits encode.
fn scrypt_key(password: &str, salt: &str) -> Result<String, Cause> {
    const LOG_N: u8 = 14;
    const R: u32 = 16;
    const P: u32 = 1;
    let mut key = [0; 64];
    scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &Params::new(LOG_N, R, P)?, &mut key)?;
    Ok(lower::encode_string(&key))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const COST: u32 = 6;
    const ROUNDS: u32 = 1 << COST;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    /// Returns whether the password `text` matches `stored`, and the work that this took: the number of rounds of
    /// bcrypt and of comparisons by scrypt.
    fn count(text: &str, stored: Option<&str>) -> (bool, [u32; 2]) {
        let mut counts = [0, 0];
        let stored = stored.and_then(StoredHash::parse);
        let same = matches(&password(text), stored.as_ref(), COST, |password, stored| {
            let compared = compare(password, stored);
            let (form, work) = match stored {
                StoredHash::Bcrypt { cost, .. } => (0, 1_u32.checked_shl(*cost).unwrap_or_default()),
                StoredHash::Scrypt { .. } => (1, 1),
            };
            counts[form] += if compared.is_some() { work } else { 0 };
            compared
        });
        (same, counts)
    }

    /// If mismatches took different times, an attacker could tell whether an account exists and which algorithm it
    /// uses.
    #[test]
    fn every_mismatch_costs_the_same() {
        let [bcrypt, scrypt] =
            [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt].map(|form| hash("correct horse", form, COST).unwrap());
        let [nul, scrypt_nul] =
            [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt].map(|form| hash("password", form, COST).unwrap());
        let long = hash(&"x".repeat(72), HashAlgorithm::Bcrypt, COST).unwrap();
        let [cheap, cheaper] = [5, 4].map(|cost| hash("correct horse", HashAlgorithm::Bcrypt, cost).unwrap());
        for (what, typed, stored) in [
            ("an unknown user, or none with a password", "correct horse", None),
            ("a wrong password, by bcrypt", "wrong horse", Some(bcrypt.as_str())),
            ("a wrong password, by bcrypt with half the work", "wrong horse", Some(&cheap)),
            ("a wrong password, by bcrypt with a quarter", "wrong horse", Some(&cheaper)),
            ("a wrong password, by scrypt", "wrong horse", Some(&scrypt)),
            ("a password that bcrypt repeats", "password\0password", Some(&nul)),
            ("a trailing NUL that scrypt ignores", "password\0", Some(&scrypt_nul)),
            ("a character that bcrypt truncates", &"x".repeat(73), Some(&long)),
            (
                "a hash of an unknown algorithm",
                "correct horse",
                Some("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"),
            ),
            ("a hash with an invalid cost", "correct horse", Some(&bcrypt.replacen("$06$", "$99$", 1))),
            ("a truncated hash", "correct horse", Some(&scrypt[..100])),
            ("an empty hash", "correct horse", Some("")),
        ] {
            assert_eq!(count(typed, stored), (false, [ROUNDS, 1]), "{what}");
        }
        assert_eq!(count("correct horse", Some(&bcrypt)), (true, [ROUNDS, 0]));
        assert_eq!(count("correct horse", Some(&scrypt)), (true, [0, 1]));
    }

    #[test]
    fn the_decoys_have_the_cost_of_real_hashes() {
        for cost in [4, 12] {
            let StoredHash::Bcrypt { hash, .. } = bcrypt_decoy(cost) else { panic!("a decoy of another algorithm") };
            assert_eq!(hash.parse::<bcrypt::HashParts>().unwrap().get_cost(), cost);
        }
        // The result `Some` shows that the decoy is well-formed, so that a comparison with it does the full work.
        for decoy in [bcrypt_decoy(COST), scrypt_decoy()] {
            assert_eq!(compare("password", &decoy), Some(false));
        }
    }

    #[test]
    fn older_bcrypt_prefixes_match() {
        let ours = bcrypt::hash("correct horse", COST).unwrap();
        assert!(ours.starts_with("$2b$06$"));
        for prefix in ["$2a$", "$2y$"] {
            assert!(count("correct horse", Some(&ours.replacen("$2b$", prefix, 1))).0, "{prefix}");
        }
    }

    /// The hashes in `tests/vectors/passwords.json` were made by Better Auth.
    #[test]
    fn hashes_of_better_auth_match_their_passwords_only() {
        let vectors: Value = serde_json::from_str(include_str!("../../../../tests/vectors/passwords.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let stored = case["hash"].as_str();
            let texts = |name: &str| case[name].as_array().unwrap().clone();
            for accepted in [vec![case["password"].clone()], texts("alsoAccepted")].concat() {
                assert!(count(accepted.as_str().unwrap(), stored).0, "{accepted}");
            }
            // Texts that cannot be parsed as a password are skipped: one of them is too long.
            let refused = texts("refused");
            for refused in refused.iter().filter_map(Value::as_str).filter(|text| Password::parse(text).is_ok()) {
                assert!(!count(refused, stored).0, "{refused}");
            }
        }
    }
}
