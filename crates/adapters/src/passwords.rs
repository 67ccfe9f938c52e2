//! Passwords by bcrypt, and by scrypt in Better Auth's form.

use std::sync::Arc;

use async_trait::async_trait;
use rand::RngExt;
use scrypt::Params;
use subtle::ConstantTimeEq;
use taskbridge_domain::Cause;
use taskbridge_domain::ports::{HashError, PasswordHasher};
use taskbridge_domain::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

use crate::hashing::{HashingLoad, HashingThreads};
use crate::hex::hex;

/// How a [`Hasher`] works.
#[derive(Debug, Clone, Copy)]
pub struct HasherConfig {
    /// The form that is written.
    pub write: HashAlgorithm,
    /// bcrypt's work factor: 2 to the power of this many rounds. Each step doubles the time; 12 is about a third of a
    /// second.
    pub bcrypt_cost: u32,
    /// How many passwords are hashed at the same time; each by scrypt takes 32 MiB.
    pub threads: usize,
    /// How many more may wait; beyond that callers are told to come back.
    pub queue: usize,
}

/// Hashes into one form, and compares with both: bcrypt's `$2b$…` (`$2a$`, `$2x$` and `$2y$`, too), and Better Auth's
/// `<salt>:<key>` by scrypt.
///
/// Every refusal costs one comparison of each form, whatever the reason; more only where a bcrypt hash has a higher cost
/// than new ones get.
pub struct Hasher {
    threads: HashingThreads,
    write: HashAlgorithm,
    bcrypt_cost: u32,
}

impl Hasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// That of the operating system when it gives no threads.
    pub fn new(config: HasherConfig) -> std::io::Result<Self> {
        let HasherConfig { write, bcrypt_cost, threads, queue } = config;
        let threads = HashingThreads::start(threads, queue)?;
        Ok(Self { threads, write, bcrypt_cost })
    }

    /// How much there is to do, now and later.
    #[must_use]
    pub fn load(&self) -> Arc<HashingLoad> {
        self.threads.load()
    }
}

#[async_trait]
impl PasswordHasher for Hasher {
    fn algorithm(&self) -> HashAlgorithm {
        self.write
    }

    fn is_current(&self, stored: &PasswordHash) -> bool {
        match (self.write, Stored::parse(stored.expose())) {
            (HashAlgorithm::Scrypt, Some(Stored::Scrypt { .. })) => true,
            (HashAlgorithm::Bcrypt, Some(Stored::Bcrypt { cost, .. })) => cost == self.bcrypt_cost,
            _ => false,
        }
    }

    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        let (form, cost) = (self.write, self.bcrypt_cost);
        let hashed = self.threads.run(move || hash(password.password().expose(), form, cost)).await?;
        hashed.map(PasswordHash::new).map_err(HashError::Failed)
    }

    async fn verify(&self, password: Password, stored: Option<PasswordHash>) -> Result<bool, HashError> {
        let cost = self.bcrypt_cost;
        let stored = stored.and_then(|stored| Stored::parse(stored.expose()));
        self.threads.run(move || matches(&password, stored.as_ref(), cost, compare)).await
    }
}

/// A hash of a known form.
#[derive(Clone)]
enum Stored {
    Bcrypt {
        cost: u32,
        hash: String,
    },
    /// 16 bytes of salt and 64 of the key, in lower-case hexadecimal digits.
    Scrypt {
        salt: String,
        key: String,
    },
}

impl Stored {
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

/// Whether `password` is the one `stored` was made of. Where it is not, as much has been compared as when nothing is
/// stored: each form once, bcrypt with this cost.
///
/// `compare` is `None` when it could not, and did no work.
fn matches(
    password: &Password,
    stored: Option<&Stored>,
    bcrypt_cost: u32,
    mut compare: impl FnMut(&str, &Stored) -> Option<bool>,
) -> bool {
    let compared = stored.and_then(|stored| Some((stored, compare(password.expose(), stored)?)));
    // Neither form tells all that is typed from what was set: those passwords could not have been set.
    if compared.is_some_and(|(stored, same)| same && stored.algorithm().supports(password)) {
        return true;
    }
    let (rest_of_bcrypt, needs_scrypt) = match compared {
        None => (bcrypt_cost..bcrypt_cost + 1, true),
        Some((Stored::Scrypt { .. }, _)) => (bcrypt_cost..bcrypt_cost + 1, false),
        // Each step costs twice as much: all from that one on are together as much as the last.
        Some((Stored::Bcrypt { cost, .. }, _)) => (*cost..bcrypt_cost, true),
    };
    let scrypt = needs_scrypt.then(scrypt_decoy);
    for decoy in rest_of_bcrypt.map(bcrypt_decoy).chain(scrypt) {
        compare(password.expose(), &decoy);
    }
    false
}

/// A hash that no password is known for, to spend the time of a comparison on.
fn bcrypt_decoy(cost: u32) -> Stored {
    Stored::Bcrypt { cost, hash: format!("$2b${cost:02}$TaskbridgeDecoySalt...TaskbridgeDecoyHashValue.......") }
}

fn scrypt_decoy() -> Stored {
    Stored::Scrypt { salt: "0".repeat(32), key: "0".repeat(128) }
}

fn compare(password: &str, stored: &Stored) -> Option<bool> {
    match stored {
        Stored::Bcrypt { hash, .. } => bcrypt::verify(password, hash).ok(),
        Stored::Scrypt { salt, key } => Some(scrypt_key(password, salt).ok()?.as_bytes().ct_eq(key.as_bytes()).into()),
    }
}

/// What to store. That nothing of the password is cut off, its type has seen to.
fn hash(password: &str, form: HashAlgorithm, bcrypt_cost: u32) -> Result<String, Cause> {
    match form {
        HashAlgorithm::Bcrypt => Ok(bcrypt::hash(password, bcrypt_cost)?),
        HashAlgorithm::Scrypt => {
            let salt = hex(&rand::rng().random::<[u8; 16]>());
            let key = scrypt_key(password, &salt)?;
            Ok(format!("{salt}:{key}"))
        }
    }
}

/// The key, in hexadecimal digits. As in Better Auth, the salt is its digits, not the bytes that they spell.
fn scrypt_key(password: &str, salt: &str) -> Result<String, Cause> {
    const LOG_N: u8 = 14;
    const R: u32 = 16;
    const P: u32 = 1;
    let mut key = [0; 64];
    scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &Params::new(LOG_N, R, P)?, &mut key)?;
    Ok(hex(&key))
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

    /// The rounds of bcrypt and the comparisons by scrypt that were done in earnest, and the answer.
    fn count(text: &str, stored: Option<&str>) -> (bool, [u32; 2]) {
        let mut counts = [0, 0];
        let stored = stored.and_then(Stored::parse);
        let same = matches(&password(text), stored.as_ref(), COST, |password, stored| {
            let compared = compare(password, stored);
            let (form, work) = match stored {
                Stored::Bcrypt { cost, .. } => (0, 1_u32.checked_shl(*cost).unwrap_or_default()),
                Stored::Scrypt { .. } => (1, 1),
            };
            counts[form] += if compared.is_some() { work } else { 0 };
            compared
        });
        (same, counts)
    }

    /// C153, C154: whoever measures the time must not learn whether there is an account, and of which kind.
    #[test]
    fn every_refusal_costs_the_same() {
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
            ("what bcrypt repeats", "password\0password", Some(&nul)),
            ("what scrypt ignores", "password\0", Some(&scrypt_nul)),
            ("what bcrypt cuts off", &"x".repeat(73), Some(&long)),
            ("a hash of no form", "correct horse", Some("$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g")),
            ("a hash of a cost that is none", "correct horse", Some(&bcrypt.replacen("$06$", "$99$", 1))),
            ("a hash that is cut off", "correct horse", Some(&scrypt[..100])),
            ("nothing", "correct horse", Some("")),
        ] {
            assert_eq!(count(typed, stored), (false, [ROUNDS, 1]), "{what}");
        }
        assert_eq!(count("correct horse", Some(&bcrypt)), (true, [ROUNDS, 0]));
        assert_eq!(count("correct horse", Some(&scrypt)), (true, [0, 1]));
    }

    #[test]
    fn the_decoys_cost_what_hashes_of_ours_cost() {
        for cost in [4, 12] {
            let Stored::Bcrypt { hash, .. } = bcrypt_decoy(cost) else { panic!("a decoy of another form") };
            assert_eq!(hash.parse::<bcrypt::HashParts>().unwrap().get_cost(), cost);
        }
        // Compared in full, not turned away for its form.
        for decoy in [bcrypt_decoy(COST), scrypt_decoy()] {
            assert_eq!(compare("password", &decoy), Some(false));
        }
    }

    #[test]
    fn the_older_prefixes_match() {
        let ours = bcrypt::hash("correct horse", COST).unwrap();
        assert!(ours.starts_with("$2b$06$"));
        for prefix in ["$2a$", "$2y$"] {
            assert!(count("correct horse", Some(&ours.replacen("$2b$", prefix, 1))).0, "{prefix}");
        }
    }

    /// `tests/vectors/passwords.json` was hashed by Better Auth.
    #[test]
    fn what_better_auth_hashed_matches_its_passwords_alone() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/passwords.json")).unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let stored = case["hash"].as_str();
            let texts = |name: &str| case[name].as_array().unwrap().clone();
            for accepted in [vec![case["password"].clone()], texts("alsoAccepted")].concat() {
                assert!(count(accepted.as_str().unwrap(), stored).0, "{accepted}");
            }
            // One is longer than any password.
            let refused = texts("refused");
            for refused in refused.iter().filter_map(Value::as_str).filter(|text| Password::parse(text).is_ok()) {
                assert!(!count(refused, stored).0, "{refused}");
            }
        }
    }
}
