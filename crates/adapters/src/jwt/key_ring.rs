//! The key pairs in Better Auth's table: which of them signs, and which are published.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};
use taskbridge_domain::key::{PublicKey, StoredKey};
use taskbridge_domain::ports::{Clock, IdGenerator, KeyPublisher, KeyRepo, PublishError, StoreError};
use taskbridge_domain::secret::Secrets;
use taskbridge_domain::{Cause, Timestamp};
use thiserror::Error;

use super::fetch::FetchKeys;
use super::key_pair::{KeyPair, SigningAlgorithm, signing_key};
use super::sealing::{CannotOpen, open, seal};

/// How a [`KeyRing`] makes and keeps keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyRingConfig {
    /// What is signed by.
    pub algorithm: SigningAlgorithm,
    /// How long a key that signs no more is still published.
    pub grace: Duration,
}

/// Signs with the newest key of its algorithm that has not expired and can be read, and makes one if there is none, in
/// the form in which Better Auth makes and reads them. Several processes on one table, a Better Auth among them, use the
/// same key.
pub struct KeyRing {
    repo: Arc<dyn KeyRepo>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    config: KeyRingConfig,
    /// The key that signs, and when it was read.
    signer: Mutex<Option<(Arc<Signer>, Timestamp)>>,
    /// Keys that were complained about.
    told: Mutex<HashSet<String>>,
}

/// A key that signs.
pub(super) struct Signer {
    pub(super) id: String,
    pub(super) key: EncodingKey,
    expires_at: Option<Timestamp>,
}

/// What becomes of the keys that a new one replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// Their tokens are good to the end.
    Published,
    /// Nobody verifies anything with them any more.
    Withdrawn,
}

/// What a key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// The next token is signed with it.
    Signs,
    /// It is published.
    Verifies,
    /// It is published, and would sign if it could be read.
    Unreadable(CannotOpen),
    /// Nothing.
    None,
}

/// A key, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its `kid`.
    pub id: String,
    /// Its algorithm; empty if that cannot be told.
    pub algorithm: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is good for now.
    pub purpose: KeyUse,
}

/// Why there is no key to sign with.
#[derive(Debug, Error)]
#[error("a key cannot be made: {0}")]
struct CannotMake(&'static str);

impl KeyRing {
    /// How long a key is used before it is asked for again.
    const REREAD: Duration = Duration::from_secs(30);
    /// How often it is tried to make a key while others make some.
    const ATTEMPTS: usize = 5;

    /// The keys in this store.
    #[must_use]
    pub fn new(
        repo: Arc<dyn KeyRepo>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        secrets: Secrets,
        config: KeyRingConfig,
    ) -> Self {
        Self { repo, ids, clock, secrets, config, signer: Mutex::default(), told: Mutex::default() }
    }

    /// What its tokens are signed by.
    pub(super) fn algorithm(&self) -> SigningAlgorithm {
        self.config.algorithm
    }

    /// The key to sign with, which is made if there is none.
    pub(super) async fn signer(&self) -> Result<Arc<Signer>, PublishError> {
        let now = self.clock.now();
        let known = locked(&self.signer).clone();
        if let Some((signer, read_at)) = known
            && now.since(read_at) < Self::REREAD
            && signer.expires_at.is_none_or(|end| end > now)
        {
            return Ok(signer);
        }
        let signer = Arc::new(self.find_or_make(now).await?);
        *locked(&self.signer) = Some((Arc::clone(&signer), now));
        Ok(signer)
    }

    async fn find_or_make(&self, now: Timestamp) -> Result<Signer, PublishError> {
        for _ in 0..Self::ATTEMPTS {
            let keys = self.repo.all().await?;
            if let Some(signer) = self.newest(&keys, now) {
                return Ok(signer);
            }
            let (key, signer) = self.make(now).map_err(|error| PublishError::Failed(error.into()))?;
            if self.repo.add(&key, &ids(&keys)).await? {
                tracing::info!(kid = key.id, algorithm = key.algorithm, "a key was made");
                return Ok(signer);
            }
        }
        Err(PublishError::Failed(CannotMake("others make them all the time").into()))
    }

    /// The newest key that can sign.
    fn newest(&self, keys: &[StoredKey], now: Timestamp) -> Option<Signer> {
        let candidates = keys.iter().rev().filter(|key| key.may_sign(now) && self.is_ours(key));
        candidates.into_iter().find_map(|key| match self.unlock(key) {
            Ok(signer) => Some(signer),
            Err(why) => {
                if locked(&self.told).insert(key.id.clone()) {
                    tracing::error!(kid = key.id, %why, "a key cannot sign; another one does");
                }
                None
            }
        })
    }

    fn is_ours(&self, key: &StoredKey) -> bool {
        algorithm(key).as_deref() == Some(self.config.algorithm.name())
    }

    fn unlock(&self, key: &StoredKey) -> Result<Signer, CannotOpen> {
        let private = open(&key.private, &self.secrets)?;
        let signing = signing_key(&private, self.config.algorithm).ok_or(CannotOpen::Malformed)?;
        Ok(Signer { id: key.id.clone(), key: signing, expires_at: key.expires_at })
    }

    fn make(&self, now: Timestamp) -> Result<(StoredKey, Signer), CannotMake> {
        let algorithm = self.config.algorithm;
        let KeyPair { public, private } = KeyPair::generate(algorithm);
        let key = StoredKey {
            id: self.ids.generate().into_string(),
            public,
            private: seal(&private, &self.secrets).ok_or(CannotMake("it cannot be encrypted"))?,
            algorithm: Some(algorithm.name().into()),
            curve: Some(algorithm.curve().into()),
            created_at: now,
            expires_at: None,
        };
        let signer = self.unlock(&key).map_err(|_unlikely| CannotMake("it cannot be read back"))?;
        Ok((key, signer))
    }

    /// Makes a new key, which signs from now on, in place of those of its algorithm that there are: its `kid`. Other
    /// processes sign with it within half a minute.
    ///
    /// # Errors
    /// [`PublishError`]; then no key has been replaced.
    pub async fn rotate(&self, replaced: Replaced) -> Result<String, PublishError> {
        for _ in 0..Self::ATTEMPTS {
            let now = self.clock.now();
            let keys = self.repo.all().await?;
            let (key, signer) = self.make(now).map_err(|error| PublishError::Failed(error.into()))?;
            if !self.repo.add(&key, &ids(&keys)).await? {
                continue;
            }
            let old: Vec<_> = keys.into_iter().filter(|key| self.is_ours(key)).collect();
            let end = match replaced {
                Replaced::Published => now,
                Replaced::Withdrawn => now.before(self.config.grace),
            };
            self.repo.expire(&ids(&old), end).await?;
            *locked(&self.signer) = Some((Arc::new(signer), now));
            return Ok(key.id);
        }
        Err(PublishError::Failed(CannotMake("others make them all the time").into()))
    }

    /// All keys, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn list(&self) -> Result<Vec<KeyInfo>, StoreError> {
        let now = self.clock.now();
        let keys = self.repo.all().await?;
        let signer = keys.iter().rev().find(|key| key.may_sign(now) && self.is_ours(key) && self.unlock(key).is_ok());
        let purpose = |key: &StoredKey| match self.unlock(key) {
            _ if signer.is_some_and(|signer| signer.id == key.id) => KeyUse::Signs,
            _ if !self.is_published(key, now) => KeyUse::None,
            Err(why) if key.may_sign(now) && self.is_ours(key) => KeyUse::Unreadable(why),
            _ => KeyUse::Verifies,
        };
        let info = |key: &StoredKey| KeyInfo {
            id: key.id.clone(),
            algorithm: algorithm(key).unwrap_or_default(),
            created_at: key.created_at,
            purpose: purpose(key),
        };
        Ok(keys.iter().map(info).collect())
    }

    fn is_published(&self, key: &StoredKey, now: Timestamp) -> bool {
        key.expires_at.is_none_or(|end| end.after(self.config.grace) > now) && public_key(key).is_some()
    }

    /// The keys that are to be published, as they are now.
    async fn public(&self) -> Result<Vec<PublicKey>, StoreError> {
        let now = self.clock.now();
        let keys = self.repo.all().await?;
        Ok(keys.iter().filter(|key| self.is_published(key, now)).filter_map(public_key).collect())
    }
}

#[async_trait]
impl KeyPublisher for KeyRing {
    async fn published(&self) -> Result<Vec<PublicKey>, PublishError> {
        self.signer().await?;
        Ok(self.public().await?)
    }
}

fn ids(keys: &[StoredKey]) -> Vec<String> {
    keys.iter().map(|key| key.id.clone()).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a key is for: what its row says, else what its material is of.
fn algorithm(key: &StoredKey) -> Option<String> {
    key.algorithm.clone().or_else(|| {
        let jwk: Map<String, Value> = serde_json::from_str(&key.public).ok()?;
        let of = |name: &str| jwk.get(name).and_then(Value::as_str);
        match (of("kty")?, of("crv")) {
            ("OKP", Some("Ed25519")) => Some("EdDSA".into()),
            ("EC", Some("P-256")) => Some("ES256".into()),
            ("EC", Some("P-521")) => Some("ES512".into()),
            ("RSA", _) => Some("RS256".into()),
            _ => None,
        }
    })
}

/// What may be published of a key. Whatever else is in its row is none of anybody's business.
fn public_key(key: &StoredKey) -> Option<PublicKey> {
    const MEMBERS: [&str; 6] = ["crv", "kty", "x", "y", "n", "e"];
    let jwk: Map<String, Value> = serde_json::from_str(&key.public).ok()?;
    let member = |name: &str| Some((name.to_owned(), jwk.get(name)?.as_str()?.to_owned()));
    let members: Vec<_> = MEMBERS.into_iter().filter_map(member).collect();
    Some(PublicKey { id: key.id.clone(), algorithm: algorithm(key)?, members })
}

/// A key ring as a place where keys are published, for [`PublishedKeys`](super::PublishedKeys).
pub struct OwnKeys(pub Arc<KeyRing>);

impl fmt::Display for OwnKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the table jwks")
    }
}

#[async_trait]
impl FetchKeys for OwnKeys {
    async fn fetch(&self) -> Result<Vec<u8>, Cause> {
        let jwk = |PublicKey { id, algorithm, members }| {
            let members = members.into_iter().map(|(name, value)| (name, Value::String(value)));
            let own = [("alg".to_owned(), Value::String(algorithm)), ("kid".to_owned(), Value::String(id))];
            Value::Object(members.chain(own).collect())
        };
        let keys: Vec<_> = self.0.public().await?.into_iter().map(jwk).collect();
        Ok(json!({ "keys": keys }).to_string().into_bytes())
    }
}
