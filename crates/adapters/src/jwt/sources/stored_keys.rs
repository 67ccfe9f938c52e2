//! A cache of the key pairs in Better Auth's table `jwks`, which sign and verify tokens.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use taskbridge_domain::ports::{PublicKey, SigningError, StoreError};
use taskbridge_domain::{Cause, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::KeySource;
use crate::jwt::header::Header;
use crate::jwt::keys::algorithm::PUBLISHED_ALGORITHMS;
use crate::jwt::keys::jwk_set::{JwkSet, find_key};
use crate::jwt::keys::stored_key::StoredKey;
use crate::jwt::keys::table::{KeyTable, NoSigningKey, SigningKey};
use crate::jwt::keys::verifying_key::{SignatureCheck, VerifyingKey};
use crate::jwt::report::KeyDescription;

/// The published keys of a [`KeyTable`], which verify tokens, and the key that signs them.
///
/// Tokens are signed with the newest key that has the configured algorithm, has not expired and can be decrypted. If
/// all keys with the configured algorithm have expired, or if there are none, a key is created. Several processes,
/// including Better Auth, can share one table and therefore the keys.
///
/// When a token is signed or verified, the table is read again if the last read is older than
/// [`REFRESH`](Self::REFRESH). A token with an unknown key also causes a read, but at most once per
/// [`COOL_DOWN`](Self::COOL_DOWN). There is no timer, because it would keep an idle database awake.
///
/// One request at a time reads the table. Requests with a known key do not wait for the read, and after a failed read
/// the previous keys stay in use. At most [`MAX_WAITING`](Self::MAX_WAITING) tokens with unknown keys wait for the next
/// read; further ones get an error.
pub struct StoredKeys {
    table: KeyTable,
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// Locked while the table is read, so that only one request reads it. Contains the time of the last read if that
    /// read failed, and otherwise `None`.
    reading: tokio::sync::Mutex<Option<Timestamp>>,
    /// The names of the unusable keys that have been logged, so that each is logged only once.
    logged: Mutex<HashSet<String>>,
    /// Permits for tokens with unknown keys to wait for the next read.
    waiting: Semaphore,
}

/// The content of the table at one moment.
struct Snapshot {
    read_at: Timestamp,
    keys: Vec<StoredKey>,
    signing_key: Option<Arc<SigningKey>>,
    /// The published keys as a JSON Web Key Set (RFC 7517, section 5), and the same keys parsed.
    document: Vec<u8>,
    set: Arc<JwkSet>,
}

impl StoredKeys {
    /// Age from which a snapshot of the table is replaced: the next request that needs a key reads the table again.
    pub const REFRESH: Duration = Duration::from_secs(10);
    /// Minimum time between two reads that are caused by tokens with unknown keys.
    pub const COOL_DOWN: Duration = Duration::from_secs(1);
    /// Maximum number of tokens with unknown keys that wait for a read at the same time.
    pub const MAX_WAITING: usize = 64;
    /// Maximum age of a snapshot that is used while another request reads the table.
    const MAX_STALE: Duration = Duration::from_mins(1);

    /// Creates a cache of the keys in `table`.
    #[must_use]
    pub fn new(table: KeyTable) -> Self {
        let (snapshot, reading, logged) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Self { table, snapshot, reading, logged, waiting: Semaphore::new(Self::MAX_WAITING) }
    }

    /// Returns the table whose keys are cached.
    #[must_use]
    pub fn table(&self) -> &KeyTable {
        &self.table
    }

    fn now(&self) -> Timestamp {
        self.table.clock.now()
    }

    /// Returns the last snapshot if it is younger than `max_age`.
    fn cached(&self, max_age: Duration) -> Option<Arc<Snapshot>> {
        let now = self.now();
        let is_young = |last: &Arc<Snapshot>| last.read_at <= now && now.since(last.read_at) < max_age;
        locked(&self.snapshot).clone().filter(is_young)
    }

    /// Returns a snapshot of the table that is younger than [`REFRESH`](Self::REFRESH). Reads the table if there is
    /// none.
    async fn fresh(&self) -> Result<Arc<Snapshot>, StoreError> {
        if let Some(snapshot) = self.cached(Self::REFRESH) {
            return Ok(snapshot);
        }
        let mut failed_at = self.reading.lock().await;
        match self.cached(Self::REFRESH) {
            Some(snapshot) => Ok(snapshot),
            None => self.read_unless_failing(&mut failed_at).await,
        }
    }

    /// Returns a snapshot of the table that was read at `moment` or later. Reads the table if there is none. Before
    /// that, waits until [`COOL_DOWN`](Self::COOL_DOWN) has passed since the previous read. Concurrent callers share
    /// one read.
    async fn read_since(&self, moment: Timestamp) -> Result<Arc<Snapshot>, StoreError> {
        let mut failed_at = self.reading.lock().await;
        let last = locked(&self.snapshot).clone();
        if let Some(snapshot) = last.as_ref().filter(|last| last.read_at >= moment) {
            return Ok(Arc::clone(snapshot));
        }
        let age = last.map(|last| self.now().since(last.read_at));
        sleep(age.map_or(Duration::ZERO, |age| Self::COOL_DOWN.saturating_sub(age))).await;
        self.read_unless_failing(&mut failed_at).await
    }

    /// Returns a snapshot of the table that is younger than `REFRESH`, or an older one if the table cannot be read or
    /// is just being read by another request.
    async fn fresh_or_stale(&self) -> Result<Arc<Snapshot>, StoreError> {
        if let Some(snapshot) = self.cached(Self::REFRESH) {
            return Ok(snapshot);
        }
        let is_being_read = self.reading.try_lock().is_err();
        if let Some(snapshot) = self.cached(Self::MAX_STALE).filter(|_| is_being_read) {
            return Ok(snapshot);
        }
        let fresh = self.fresh().await;
        fresh.or_else(|error| locked(&self.snapshot).clone().ok_or(error))
    }

    /// Reads the table. If a read failed less than [`COOL_DOWN`](Self::COOL_DOWN) ago, returns an error at once
    /// instead.
    async fn read_unless_failing(&self, failed_at: &mut Option<Timestamp>) -> Result<Arc<Snapshot>, StoreError> {
        let now = self.now();
        if failed_at.is_some_and(|failed_at| failed_at <= now && now.since(failed_at) < Self::COOL_DOWN) {
            return Err(StoreError::Unavailable("the table jwks could not be read a moment ago".into()));
        }
        let read = self.read().await;
        *failed_at = read.is_err().then(|| self.now());
        read
    }

    async fn read(&self) -> Result<Arc<Snapshot>, StoreError> {
        let now = self.now();
        let keys = self.table.repo.all().await?;
        let document = key_set_document(self.published(&keys, now));
        let last = locked(&self.snapshot).clone().filter(|last| last.document == document);
        // If the published keys have not changed, the parsed key set of the last snapshot is reused, because its keys
        // remember the tokens that they have verified.
        let set = last.map_or_else(|| Arc::new(self.parse(&document)), |last| Arc::clone(&last.set));
        let signing_key = self.newest_signing_key(&keys, now).map(Arc::new);
        let snapshot = Arc::new(Snapshot { read_at: now, keys, signing_key, document, set });
        *locked(&self.snapshot) = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    fn published(&self, keys: &[StoredKey], now: Timestamp) -> Vec<PublicKey> {
        keys.iter().filter(|key| self.table.is_published(key, now)).filter_map(StoredKey::public_key).collect()
    }

    fn parse(&self, document: &[u8]) -> JwkSet {
        let (set, unusable) = JwkSet::parse(document).unwrap_or_default();
        for (key, why) in unusable {
            if self.is_first_report(&key) {
                tracing::warn!(key, %why, "a key in the table jwks cannot verify tokens");
            }
        }
        set
    }

    fn newest_signing_key(&self, keys: &[StoredKey], now: Timestamp) -> Option<SigningKey> {
        let mut candidates = keys.iter().rev().filter(|key| self.table.is_candidate(key, now));
        candidates.find_map(|key| match self.table.signing_key(key) {
            Ok(signing_key) => Some(signing_key),
            Err(why) => {
                if self.is_first_report(&key.id) {
                    tracing::error!(kid = key.id, %why, "a key in the table jwks cannot sign tokens");
                }
                None
            }
        })
    }

    /// Returns `true` if the unusable key has not been logged before, and remembers that it is logged now.
    fn is_first_report(&self, key: &str) -> bool {
        locked(&self.logged).insert(key.to_owned())
    }

    /// Returns the key that signs new tokens. If no stored key may sign, creates one.
    pub(in crate::jwt) async fn signing_key(&self) -> Result<Arc<SigningKey>, SigningError> {
        let algorithm = self.table.algorithm()?;
        for _ in 0..KeyTable::ATTEMPTS {
            let snapshot = self.fresh().await?;
            let now = self.now();
            let is_valid = |key: &&Arc<SigningKey>| key.expires_at.is_none_or(|end| end > now);
            if let Some(key) = snapshot.signing_key.as_ref().filter(is_valid) {
                return Ok(Arc::clone(key));
            }
            if snapshot.keys.iter().any(|key| self.table.is_candidate(key, now)) {
                return Err(NoSigningKey::Undecryptable.into());
            }
            if self.table.create(&snapshot.keys).await?.is_some() {
                tracing::info!(algorithm = algorithm.name(), "created a signing key");
            }
            // Reads the table again, because it now contains a new key, which this process or another one has created.
            let _reading = self.reading.lock().await;
            self.read().await?;
        }
        Err(NoSigningKey::Contention.into())
    }

    /// Reads the published keys from the table. If there is no key to sign with, creates one first.
    pub(in crate::jwt) async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        // An error because there is no key to sign with is ignored: the existing keys are published nevertheless.
        match self.signing_key().await {
            Err(SigningError::Store(error)) => return Err(error.into()),
            Err(SigningError::NoKey(_)) | Ok(_) => {}
        }
        Ok(self.published(&self.table.repo.all().await?, self.now()))
    }
}

#[async_trait]
impl KeySource for StoredKeys {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED_ALGORITHMS
    }

    async fn find_key(
        &self,
        header: &Header,
        verifies: SignatureCheck<'_>,
    ) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        let arrived_at = self.now();
        let find = |snapshot: &Snapshot| find_key([&*snapshot.set].into_iter(), header, verifies);
        let snapshot = self.fresh_or_stale().await?;
        if let Some(key) = find(&snapshot) {
            return Ok(Some(key));
        }
        // Another read of the table would not find the key: the table was read after the token arrived, or it contains
        // the key, which is no longer published or is unusable.
        let is_listed = |kid: &String| snapshot.keys.iter().any(|key| key.id == *kid);
        if snapshot.read_at >= arrived_at || header.kid.as_ref().is_some_and(is_listed) {
            return Ok(None);
        }
        let _permit = self.waiting.try_acquire().map_err(|_none_left| "too many tokens of unknown keys are waiting")?;
        Ok(find(&*self.read_since(arrived_at).await?))
    }

    fn describe(&self) -> Vec<KeyDescription> {
        let snapshot = locked(&self.snapshot).clone();
        let keys = snapshot.iter().flat_map(|snapshot| snapshot.set.describe());
        let keys: Vec<_> = keys.map(|key| key.at("the table jwks")).collect();
        if keys.is_empty() { vec![KeyDescription::NoKey("from the table jwks".into())] } else { keys }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key_set_document(keys: Vec<PublicKey>) -> Vec<u8> {
    let jwk = |PublicKey { id, algorithm, members }| {
        let members = members.into_iter().map(|(name, value)| (name, Value::String(value)));
        let own = [("alg".to_owned(), Value::String(algorithm)), ("kid".to_owned(), Value::String(id))];
        Value::Object(members.chain(own).collect())
    };
    json!({ "keys": keys.into_iter().map(jwk).collect::<Vec<_>>() }).to_string().into_bytes()
}
