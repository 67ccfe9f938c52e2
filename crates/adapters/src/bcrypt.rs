//! Passwords by bcrypt.

use std::sync::Arc;

use async_trait::async_trait;
use taskbridge_domain::password::{NewPassword, Password, PasswordHash};
use taskbridge_domain::ports::{HashError, PasswordHasher};

use crate::hashing::{HashingLoad, HashingThreads};

/// How a [`BcryptHasher`] works.
#[derive(Debug, Clone, Copy)]
pub struct BcryptConfig {
    /// The work factor: 2 to the power of this many rounds. Each step doubles the time; 12 is about a third of a second.
    pub cost: u32,
    /// How many passwords are hashed at the same time.
    pub threads: usize,
    /// How many more may wait; beyond that callers are told to come back.
    pub queue: usize,
}

/// Hashes into the standard form `$2b$…`, and compares with `$2a$`, `$2b$`, `$2x$` and `$2y$`.
pub struct BcryptHasher {
    threads: HashingThreads,
    cost: u32,
    decoy: String,
}

impl BcryptHasher {
    /// Starts the threads.
    ///
    /// # Errors
    /// That of the operating system when it gives no threads.
    pub fn new(config: BcryptConfig) -> std::io::Result<Self> {
        let BcryptConfig { cost, threads, queue } = config;
        Ok(Self { threads: HashingThreads::start(threads, queue)?, cost, decoy: decoy(cost) })
    }

    /// How much there is to do, now and later.
    #[must_use]
    pub fn load(&self) -> Arc<HashingLoad> {
        self.threads.load()
    }
}

#[async_trait]
impl PasswordHasher for BcryptHasher {
    async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        let cost = self.cost;
        // Its length is checked by the type, so nothing is cut off here.
        let hashed = self.threads.run(move || bcrypt::hash(password.password().expose(), cost)).await?;
        hashed.map(PasswordHash::new).map_err(|error| HashError::Failed(Box::new(error)))
    }

    async fn verify(&self, password: Password, stored: Option<PasswordHash>) -> Result<bool, HashError> {
        let decoy = self.decoy.clone();
        self.threads.run(move || matches(password.expose(), stored.as_ref().map(PasswordHash::expose), &decoy)).await
    }
}

/// A hash that no password is known for, to spend the time of a comparison on.
fn decoy(cost: u32) -> String {
    format!("$2b${cost:02}$TaskbridgeDecoySalt...TaskbridgeDecoyHashValue.......")
}

/// Whether `password` is the one `stored` was made of; the same work whatever the answer.
fn matches(password: &str, stored: Option<&str>, decoy: &str) -> bool {
    // bcrypt takes in 72 bytes and repeats the password behind a NUL: neither could have been set.
    let could_be_set = password.len() <= NewPassword::MAX_BYTES && !password.contains('\0');
    if let Some(Ok(same)) = stored.map(|stored| bcrypt::verify(password, stored)) {
        same && could_be_set
    } else {
        let _ = bcrypt::verify(password, decoy);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_costs_what_a_hash_of_ours_costs() {
        for cost in [4, 12] {
            let parts: bcrypt::HashParts = decoy(cost).parse().unwrap();
            assert_eq!(parts.get_cost(), cost);
        }
        // Compared in full, not turned away for its form.
        assert!(!bcrypt::verify("password", &decoy(4)).unwrap());
    }

    #[test]
    fn the_older_prefixes_match() {
        let ours = bcrypt::hash("correct horse", 4).unwrap();
        assert!(ours.starts_with("$2b$04$"));
        for prefix in ["$2a$", "$2y$"] {
            let theirs = ours.replacen("$2b$", prefix, 1);
            assert!(matches("correct horse", Some(&theirs), &decoy(4)), "{prefix}");
        }
    }
}
