//! Tests of tokens whose keys are newer than the last read of the table `jwks`.
//!
//! The tests run on a paused clock, which advances only while they wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{FutureExt, join_all};
use serde_json::json;
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{
    Header, KeySource, KeyTable, KeyTableConfig, SigningAlgorithm, SigningKeyRepo, StoredKey, StoredKeys,
    VersionedSecrets,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{Clock, IdGenerator, StoreError};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{clock_at, moment};
use tokio::time::{Instant, advance};

use crate::support::SECRET;

/// A table `jwks` in memory, which counts how often it is read.
#[derive(Default)]
struct Table {
    keys: Mutex<Vec<StoredKey>>,
    reads: AtomicUsize,
}

#[async_trait]
impl SigningKeyRepo for Table {
    async fn next_id(&self) -> Result<String, StoreError> {
        Ok(SecureIds.generate().into_string())
    }

    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(self.keys.lock().unwrap().clone())
    }

    async fn add(&self, key: &StoredKey, _: &[String]) -> Result<bool, StoreError> {
        self.keys.lock().unwrap().push(key.clone());
        Ok(true)
    }

    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError> {
        for key in self.keys.lock().unwrap().iter_mut().filter(|key| ids.contains(&key.id)) {
            key.expires_at = Some(end);
        }
        Ok(())
    }
}

/// Returns the keys of an empty table. Because no algorithm is configured, tokens are signed with the shared secret.
pub(crate) fn signing_with_the_secret(secret: SharedSecret) -> StoredKeys {
    let config = KeyTableConfig { algorithm: None, grace: Duration::ZERO };
    let secrets = VersionedSecrets::single(secret);
    let (repo, clock) = (Arc::new(Table::default()), Arc::new(clock_at(moment())));
    StoredKeys::new(KeyTable { repo, clock, secrets, config })
}

/// A clock that follows the runtime's paused clock.
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        moment().after(self.0.elapsed())
    }
}

impl Table {
    /// Returns a new cache of this table, as another process would have it.
    fn process(self: &Arc<Self>) -> StoredKeys {
        let config = KeyTableConfig { algorithm: Some(SigningAlgorithm::EdDsa), grace: Duration::from_hours(24) };
        let clock = Arc::new(RuntimeClock(Instant::now()));
        let secrets = VersionedSecrets::single(SharedSecret::parse(SECRET).unwrap());
        StoredKeys::new(KeyTable { repo: Arc::clone(self) as _, clock, secrets, config })
    }

    fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }
}

fn header(kid: &str) -> Header {
    serde_json::from_value(json!({ "alg": "EdDSA", "kid": kid })).unwrap()
}

/// Returns `true` if the key is found, or an error if it is not known yet whether the key exists. May wait for a read
/// of the table.
async fn knows(keys: &StoredKeys, kid: &str) -> Result<bool, String> {
    let found = keys.find_key(&header(kid), &|_| true).await;
    found.map(|key| key.is_some()).map_err(|error| error.to_string())
}

/// Returns a table, a process that has read it, and the ids of two keys. Another process created the first key before
/// that read, and the second one after it.
async fn rotated_after_a_read() -> (Arc<Table>, StoredKeys, [String; 2]) {
    let table = Arc::new(Table::default());
    let (keys, other) = (table.process(), table.process());
    let first = other.table().rotate().await.unwrap();
    assert_eq!(knows(&keys, &first).await, Ok(true));
    let second = other.table().rotate().await.unwrap();
    table.reads();
    (table, keys, [first, second])
}

/// Another process has rotated the keys just after this process read the table, so the token waits until the table may
/// be read again.
#[tokio::test(start_paused = true)]
async fn a_token_of_a_new_key_waits_for_the_next_read() {
    let (table, keys, [_, second]) = rotated_after_a_read().await;
    advance(Duration::from_millis(300)).await;
    let begin = Instant::now();
    assert_eq!(knows(&keys, &second).await, Ok(true));
    assert_eq!((begin.elapsed(), table.reads()), (Duration::from_millis(700), 1));
    assert!(keys.find_key(&header(&second), &|_| true).now_or_never().unwrap().unwrap().is_some());
}

/// A token with an unknown key needs a permit to wait. Tokens that wait share one read, and tokens without a permit get
/// an error. Tokens with known keys do not wait.
#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_tokens_of_unknown_keys_is_bounded() {
    let (table, keys, [first, second]) = rotated_after_a_read().await;
    advance(Duration::from_millis(1)).await;
    let (permits, more) = (StoredKeys::MAX_WAITING, 36);
    let kids: Vec<_> = (1..permits + more).map(|number| format!("junk {number}")).collect();
    let flood = [second.as_str()].into_iter().chain(kids.iter().map(String::as_str));
    let flood = join_all(flood.map(|kid| knows(&keys, kid)));
    let known = async {
        let begin = Instant::now();
        assert_eq!(knows(&keys, &first).await, Ok(true));
        begin.elapsed()
    };
    let (verdicts, waited) = tokio::join!(flood, known);
    assert_eq!(waited, Duration::ZERO);
    assert_eq!(verdicts[0], Ok(true), "the valid one among them");
    assert!(verdicts[1..permits].iter().all(|verdict| *verdict == Ok(false)), "{verdicts:?}");
    assert!(verdicts[permits..].iter().all(Result::is_err) && verdicts.len() == permits + more);
    assert_eq!(table.reads(), 1);
    // The waiting tokens have returned their permits, so another token can wait for a read.
    assert_eq!(knows(&keys, "junk").await, Ok(false));
}

/// The process has read from the table that the key has expired, so the token does not wait for another read.
#[tokio::test(start_paused = true)]
async fn a_token_of_a_withdrawn_key_waits_for_nothing() {
    let table = Arc::new(Table::default());
    let (keys, other) = (table.process(), table.process());
    let first = other.table().rotate().await.unwrap();
    other.table().withdraw(std::slice::from_ref(&first)).await.unwrap();
    assert_eq!(knows(&keys, "another").await, Ok(false));
    table.reads();
    advance(Duration::from_millis(300)).await;
    let found = keys.find_key(&header(&first), &|_| true).now_or_never().unwrap();
    assert!(found.unwrap().is_none());
    assert_eq!(table.reads(), 0);
}
