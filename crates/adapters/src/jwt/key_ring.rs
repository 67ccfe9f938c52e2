//! The key pairs in Better Auth's table: which of them signs, and which are published.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::EncodingKey;
use serde_json::{Map, Value, json};
use taskbridge_domain::ports::{Clock, IdGenerator, PublicKey, SigningError, StoreError};
use taskbridge_domain::{Cause, Timestamp};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::algorithms::PUBLISHED;
use super::header::Header;
use super::jwk::{KeySet, find};
use super::key_pair::{KeyPair, SigningAlgorithm, signing_key};
use super::keys::{Fits, KeySource, VerifyingKey};
use super::sealing::{CannotOpen, open, seal};
use super::stored_key::{SigningKeyRepo, StoredKey};
use super::versioned_secrets::VersionedSecrets;

/// How a [`KeyRing`] makes and keeps keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyRingConfig {
    /// What is signed by; nothing is, where tokens are signed with the secret.
    pub algorithm: Option<SigningAlgorithm>,
    /// How long a key that signs no more is still published.
    pub grace: Duration,
}

/// Signs with the newest key of its algorithm that has not expired and can be read, and makes one if there is none, in
/// the form in which Better Auth makes and reads them. Verifies with all keys that are published. Several processes on one
/// table, a Better Auth among them, use the same keys.
///
/// The table is read when a token is signed or verified and the last read is older than [`REREAD`](Self::REREAD), and for a
/// token of an unknown key, at most once per [`COOL_DOWN`](Self::COOL_DOWN). There is no timer, so that an idle database can
/// sleep. One request reads; requests with a known key do not wait for it, and after a failed read the previous keys stay in
/// use. At most [`MAX_WAITING`](Self::MAX_WAITING) tokens of unknown keys wait for the next read; for more it cannot be told
/// whether they are good.
pub struct KeyRing {
    repo: Arc<dyn SigningKeyRepo>,
    ids: Arc<dyn IdGenerator>,
    clock: Arc<dyn Clock>,
    secrets: VersionedSecrets,
    config: KeyRingConfig,
    known: Mutex<Option<Arc<Known>>>,
    /// Held by whoever reads the table: one at a time. When that last failed.
    reading: tokio::sync::Mutex<Option<Timestamp>>,
    /// Keys that were complained about.
    told: Mutex<HashSet<String>>,
    /// Places for tokens of unknown keys, which wait for the next read.
    waiting: Semaphore,
}

/// What is known of the table.
struct Known {
    read_at: Timestamp,
    keys: Vec<StoredKey>,
    signer: Option<Arc<Signer>>,
    /// The published keys as they are told, and to verify with.
    document: Vec<u8>,
    set: Arc<KeySet>,
}

/// A key that signs.
pub(super) struct Signer {
    pub(super) id: String,
    pub(super) key: EncodingKey,
    expires_at: Option<Timestamp>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NoSigner {
    /// There are keys, none of which can be read. Another one is not made by itself: a Better Auth on the same table could
    /// not read that, if it is its secret that is the right one, and would sign nobody in any more.
    #[error(
        "no key can be read; set BETTER_AUTH_SECRET or BETTER_AUTH_SECRETS, or replace them by: taskbridge keys rotate"
    )]
    Unreadable,
    /// It cannot be encrypted, or read back.
    #[error("a key cannot be made")]
    Unmakeable,
    /// Others make keys all the time.
    #[error("others make keys all the time")]
    Crowded,
    /// Tokens are signed with the secret.
    #[error("tokens are signed with the secret")]
    None,
}

impl From<NoSigner> for SigningError {
    fn from(why: NoSigner) -> Self {
        Self::NoKey(why.into())
    }
}

impl KeyRing {
    /// How long what is known of the table is good.
    pub const REREAD: Duration = Duration::from_secs(10);
    /// The least time between two looks that tokens of unknown keys cause.
    pub const COOL_DOWN: Duration = Duration::from_secs(1);
    /// Maximum number of tokens of unknown keys that wait for a read at the same time.
    pub const MAX_WAITING: usize = 64;
    /// How old what is known may be while it is being read anew.
    const STALE: Duration = Duration::from_mins(1);
    /// How often it is tried to make a key while others make some.
    const ATTEMPTS: usize = 5;

    /// The keys in this store.
    #[must_use]
    pub fn new(
        repo: Arc<dyn SigningKeyRepo>,
        ids: Arc<dyn IdGenerator>,
        clock: Arc<dyn Clock>,
        secrets: VersionedSecrets,
        config: KeyRingConfig,
    ) -> Self {
        let (known, reading, told) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        let waiting = Semaphore::new(Self::MAX_WAITING);
        Self { repo, ids, clock, secrets, config, known, reading, told, waiting }
    }

    /// What is known, if it is not older than `age`.
    fn recent(&self, age: Duration) -> Option<Arc<Known>> {
        let now = self.clock.now();
        locked(&self.known).clone().filter(|known| known.read_at <= now && now.since(known.read_at) < age)
    }

    /// Returns what is known, not older than `age`. One request at a time reads it, and after a failure none for a while.
    async fn known(&self, age: Duration) -> Result<Arc<Known>, StoreError> {
        if let Some(known) = self.recent(age) {
            return Ok(known);
        }
        let mut failed_at = self.reading.lock().await;
        match self.recent(age) {
            Some(known) => Ok(known),
            None => self.read_unless_failing(&mut failed_at).await,
        }
    }

    /// Returns what is known from a read that started at or after `moment`. Waits until [`COOL_DOWN`](Self::COOL_DOWN) has
    /// passed since the previous read; concurrent callers share one read.
    async fn known_since(&self, moment: Timestamp) -> Result<Arc<Known>, StoreError> {
        let mut failed_at = self.reading.lock().await;
        let last = locked(&self.known).clone();
        if let Some(known) = last.as_ref().filter(|known| known.read_at >= moment) {
            return Ok(Arc::clone(known));
        }
        let age = last.map(|known| self.clock.now().since(known.read_at));
        sleep(age.map_or(Duration::ZERO, |age| Self::COOL_DOWN.saturating_sub(age))).await;
        self.read_unless_failing(&mut failed_at).await
    }

    /// Reads the table, unless that failed a moment ago.
    async fn read_unless_failing(&self, failed_at: &mut Option<Timestamp>) -> Result<Arc<Known>, StoreError> {
        let now = self.clock.now();
        if failed_at.is_some_and(|failed_at| failed_at <= now && now.since(failed_at) < Self::COOL_DOWN) {
            return Err(StoreError::Unavailable("the table jwks could not be read a moment ago".into()));
        }
        let read = self.read().await;
        *failed_at = read.is_err().then(|| self.clock.now());
        read
    }

    /// What is known: as [`known`](Self::known), but of a while ago where somebody else is reading just now, or nobody can.
    async fn known_by_now(&self) -> Result<Arc<Known>, StoreError> {
        if let Some(known) = self.recent(Self::REREAD) {
            return Ok(known);
        }
        let is_being_read = self.reading.try_lock().is_err();
        if let Some(known) = self.recent(Self::STALE).filter(|_| is_being_read) {
            return Ok(known);
        }
        let known = self.known(Self::REREAD).await;
        known.or_else(|error| locked(&self.known).clone().ok_or(error))
    }

    async fn read(&self) -> Result<Arc<Known>, StoreError> {
        let now = self.clock.now();
        let keys = self.repo.all().await?;
        let document = document(keys.iter().filter(|key| self.is_published(key, now)).filter_map(public_key));
        let before = locked(&self.known).clone().filter(|known| known.document == document);
        // The same keys remember what they have verified.
        let set = before.map_or_else(|| Arc::new(self.key_set(&document)), |known| Arc::clone(&known.set));
        let signer = self.newest(&keys, now).map(Arc::new);
        let known = Arc::new(Known { read_at: now, keys, signer, document, set });
        *locked(&self.known) = Some(Arc::clone(&known));
        Ok(known)
    }

    fn key_set(&self, document: &[u8]) -> KeySet {
        let (set, unusable) = KeySet::parse(document).unwrap_or_default();
        for (key, why) in unusable {
            if locked(&self.told).insert(key.clone()) {
                tracing::warn!(key, %why, "a key in the table verifies nothing here");
            }
        }
        set
    }

    /// What is signed by, and the key to sign with, which is made if there is none.
    pub(super) async fn signer(&self) -> Result<(SigningAlgorithm, Arc<Signer>), SigningError> {
        let algorithm = self.config.algorithm.ok_or(NoSigner::None)?;
        for _ in 0..Self::ATTEMPTS {
            let known = self.known(Self::REREAD).await?;
            let now = self.clock.now();
            if let Some(signer) = known.signer.as_ref().filter(|signer| signer.expires_at.is_none_or(|end| end > now)) {
                return Ok((algorithm, Arc::clone(signer)));
            }
            if known.keys.iter().any(|key| key.may_sign(now) && self.is_ours(key)) {
                return Err(NoSigner::Unreadable.into());
            }
            if self.make(algorithm, &known.keys).await?.is_some() {
                tracing::info!(algorithm = algorithm.name(), "a key was made");
            }
            // With the new key, whoever made it.
            let _reading = self.reading.lock().await;
            self.read().await?;
        }
        Err(NoSigner::Crowded.into())
    }

    /// The newest key that can sign.
    fn newest(&self, keys: &[StoredKey], now: Timestamp) -> Option<Signer> {
        let mut candidates = keys.iter().rev().filter(|key| key.may_sign(now) && self.is_ours(key));
        candidates.find_map(|key| match self.unlock(key) {
            Ok(signer) => Some(signer),
            Err(why) => {
                if locked(&self.told).insert(key.id.clone()) {
                    tracing::error!(kid = key.id, %why, "a key cannot sign");
                }
                None
            }
        })
    }

    fn is_ours(&self, key: &StoredKey) -> bool {
        self.config.algorithm.is_some_and(|ours| algorithm(key).as_deref() == Some(ours.name()))
    }

    fn unlock(&self, key: &StoredKey) -> Result<Signer, CannotOpen> {
        let private = open(&key.private, &self.secrets)?;
        let signing = self.config.algorithm.and_then(|algorithm| signing_key(&private, algorithm));
        let signing = signing.ok_or(CannotOpen::Malformed)?;
        Ok(Signer { id: key.id.clone(), key: signing, expires_at: key.expires_at })
    }

    /// Makes a key beside those that are known: its id, unless somebody else has made one meanwhile.
    async fn make(&self, algorithm: SigningAlgorithm, known: &[StoredKey]) -> Result<Option<String>, SigningError> {
        let KeyPair { public, private } = KeyPair::generate(algorithm);
        let key = StoredKey {
            id: self.ids.generate().into_string(),
            public,
            private: seal(&private, &self.secrets).ok_or(NoSigner::Unmakeable)?,
            algorithm: Some(algorithm.name().into()),
            curve: Some(algorithm.curve().into()),
            created_at: self.clock.now(),
            expires_at: None,
        };
        self.unlock(&key).map_err(|_unlikely| NoSigner::Unmakeable)?;
        Ok(self.repo.add(&key, &ids(known)).await?.then_some(key.id))
    }

    /// Makes a new key, which signs from now on, and lets those of its algorithm expire that there are: its `kid`. Other
    /// processes sign with it within [`REREAD`](Self::REREAD).
    ///
    /// # Errors
    /// [`SigningError`]. The new key may have been made all the same, and signs then; those before it have not expired.
    pub async fn rotate(&self) -> Result<String, SigningError> {
        let algorithm = self.config.algorithm.ok_or(NoSigner::None)?;
        for _ in 0..Self::ATTEMPTS {
            let keys = self.repo.all().await?;
            if let Some(made) = self.make(algorithm, &keys).await? {
                let old: Vec<_> = keys.into_iter().filter(|key| self.is_ours(key)).collect();
                self.repo.expire(&ids(&old), self.clock.now()).await?;
                return Ok(made);
            }
        }
        Err(NoSigner::Crowded.into())
    }

    /// Withdraws the keys with these ids, or all: nobody accepts their tokens any more, here within
    /// [`REREAD`](Self::REREAD). How many of them there are.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub async fn withdraw(&self, wanted: &[String]) -> Result<usize, StoreError> {
        let mut withdrawn = ids(&self.repo.all().await?);
        withdrawn.retain(|id| wanted.is_empty() || wanted.contains(id));
        // Before any grace period, whoever reckons with whichever.
        self.repo.expire(&withdrawn, Timestamp::EPOCH).await?;
        Ok(withdrawn.len())
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
}

impl KeyRing {
    /// Returns the published keys. Creates the first one if the table has none.
    pub(super) async fn published(&self) -> Result<Vec<PublicKey>, SigningError> {
        // Existing keys are published whatever else prevents signing.
        match self.signer().await {
            Err(SigningError::Store(error)) => return Err(error.into()),
            Err(SigningError::NoKey(_)) | Ok(_) => {}
        }
        let now = self.clock.now();
        let keys = self.repo.all().await?;
        Ok(keys.iter().filter(|key| self.is_published(key, now)).filter_map(public_key).collect())
    }
}

#[async_trait]
impl KeySource for KeyRing {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED
    }

    async fn key(&self, header: &Header, fits: Fits<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        let arrived_at = self.clock.now();
        let look = |known: &Known| find([&*known.set].into_iter(), header, fits);
        let known = self.known_by_now().await?;
        if let Some(key) = look(&known) {
            return Ok(Some(key));
        }
        // Another read would not help: the table was read after the token arrived, or lists this key as expired.
        let is_listed = |kid: &String| known.keys.iter().any(|key| key.id == *kid);
        if known.read_at >= arrived_at || header.kid.as_ref().is_some_and(is_listed) {
            return Ok(None);
        }
        let _waiting =
            self.waiting.try_acquire().map_err(|_none_left| "too many tokens of unknown keys are waiting")?;
        Ok(look(&*self.known_since(arrived_at).await?))
    }

    fn describe(&self) -> Vec<String> {
        let known = locked(&self.known).clone();
        let keys = known.iter().flat_map(|known| known.set.describe());
        let keys: Vec<_> = keys.map(|key| format!("{key}, from the table jwks")).collect();
        if keys.is_empty() { vec!["no key from the table jwks".into()] } else { keys }
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

/// A key set (RFC 7517, section 5).
fn document(keys: impl Iterator<Item = PublicKey>) -> Vec<u8> {
    let jwk = |PublicKey { id, algorithm, members }| {
        let members = members.into_iter().map(|(name, value)| (name, Value::String(value)));
        let own = [("alg".to_owned(), Value::String(algorithm)), ("kid".to_owned(), Value::String(id))];
        Value::Object(members.chain(own).collect())
    };
    json!({ "keys": keys.map(jwk).collect::<Vec<_>>() }).to_string().into_bytes()
}
