//! Tests which of the keys in Better Auth's table `jwks` signs, and which are published.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskbridge_adapters::database::{SeaSigningKeyRepo, Store};
use taskbridge_adapters::jwt::{
    DecryptionError, Header, JwtIssuer, JwtIssuerConfig, KeySource, KeyTable, KeyTableConfig, NoSigningKey,
    SigningAlgorithm, SigningKeyRepo, StoredKey, StoredKeyStatus, StoredKeys, StoredPrivateKey, VersionedSecrets,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{Clock, SigningError, StoreError, TokenIssuer};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{moment, user};

use crate::databases::{Backend, OnDatabase, test_on};

test_on!(
    [Sqlite, Postgres, PostgresMapped, Pgbouncer, PostgresUuids, PostgresAlwaysIntegers],
    [processes_that_start_together_create_one_key]
);

const GRACE: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A clock that the test can advance.
#[derive(Default)]
struct TestClock(AtomicI64);

impl TestClock {
    fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(moment().unix_millis() + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// A table `jwks` that several processes share.
struct Table {
    store: OnDatabase<Store>,
    clock: Arc<TestClock>,
}

/// A process that uses the table.
struct Process {
    keys: Arc<StoredKeys>,
    issuer: JwtIssuer,
}

fn secret(text: &str) -> VersionedSecrets {
    VersionedSecrets::single(SharedSecret::unchecked(text))
}

impl Table {
    async fn on(store: impl Future<Output = OnDatabase<Store>>) -> Self {
        Self { store: store.await, clock: Arc::default() }
    }

    fn repo(&self) -> SeaSigningKeyRepo {
        SeaSigningKeyRepo(self.store.clone())
    }

    fn process(&self, secrets: VersionedSecrets, algorithm: SigningAlgorithm) -> Process {
        self.process_with(secrets, KeyTableConfig { algorithm: Some(algorithm), grace: GRACE })
    }

    fn process_with(&self, secrets: VersionedSecrets, config: KeyTableConfig) -> Process {
        let (repo, clock) = (Arc::new(self.repo()), Arc::clone(&self.clock) as _);
        let table = KeyTable { repo, clock, secrets, config };
        let keys = Arc::new(StoredKeys::new(table));
        let url = || "http://localhost:8000".to_owned();
        let config = JwtIssuerConfig { issuer: url(), audience: url(), lifetime: Duration::from_mins(15) };
        let issuer = JwtIssuer::new(Arc::clone(&keys), config, Arc::clone(&self.clock) as _);
        Process { keys, issuer }
    }

    async fn add(&self, key: &StoredKey) {
        let known: Vec<_> = self.repo().all().await.unwrap().into_iter().map(|key| key.id).collect();
        assert!(self.repo().add(key, &known).await.unwrap());
    }
}

impl Process {
    /// Issues a token and returns its header.
    async fn header(&self) -> Value {
        let token = self.issuer.issue(&user("ann")).await.unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.expose().split('.').next().unwrap()).unwrap()).unwrap()
    }

    /// Issues a token and returns its `kid`.
    async fn kid(&self) -> String {
        self.header().await["kid"].as_str().unwrap().to_owned()
    }

    async fn published(&self) -> BTreeSet<String> {
        self.issuer.public_keys().await.unwrap().into_iter().map(|key| key.id).collect()
    }

    async fn statuses(&self) -> Vec<StoredKeyStatus> {
        self.keys.table().list().await.unwrap().into_iter().map(|key| key.status).collect()
    }
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

/// Returns the key of the case `name` in `tests/vectors/jwks-encryption.json`, and its secret.
fn recorded(name: &str) -> (StoredKey, VersionedSecrets) {
    let vectors: Value = serde_json::from_str(include_str!("../../../../tests/vectors/jwks-encryption.json")).unwrap();
    let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
    let text = |name: &str| case["row"][name].as_str().map(str::to_owned);
    let key = StoredKey {
        id: text("id").unwrap(),
        public: text("publicKey").unwrap(),
        private: StoredPrivateKey::new(text("privateKey").unwrap()),
        algorithm: text("alg"),
        curve: text("crv"),
        created_at: moment(),
        expires_at: None,
    };
    (key, secret(case["secret"].as_str().unwrap()))
}

/// The header of the token has only `alg` and `kid`, and the row of the key has all columns that Better Auth writes.
#[tokio::test]
async fn the_first_token_creates_a_key_in_the_form_of_better_auth() {
    for (algorithm, name, curve) in
        [(SigningAlgorithm::EdDsa, "EdDSA", "Ed25519"), (SigningAlgorithm::Es256, "ES256", "P-256")]
    {
        let table = Table::on(Backend::Sqlite.store()).await;
        let program = table.process(secret("a-secret"), algorithm);
        assert_eq!(table.repo().all().await.unwrap(), []);
        let header = program.header().await;
        let [key] = <[_; 1]>::try_from(table.repo().all().await.unwrap()).unwrap();
        assert_eq!(header, json!({ "alg": name, "kid": key.id }));
        assert_eq!((key.algorithm.as_deref(), key.curve.as_deref(), key.expires_at), (Some(name), Some(curve), None));
        assert_eq!((key.created_at, key.id.len()), (moment(), 32));
        assert!(key.private.expose().starts_with('"') && !key.private.expose().contains("\"d\""));
        let public: Value = serde_json::from_str(&key.public).unwrap();
        assert!(public["d"].is_null() && public["alg"].is_null() && public["crv"] == curve, "{public}");
        let [published] = <[_; 1]>::try_from(program.issuer.public_keys().await.unwrap()).unwrap();
        assert_eq!((published.id, published.algorithm.as_str()), (key.id, name));
    }
}

/// Each process issues a token and publishes the keys at the same time.
async fn processes_that_start_together_create_one_key(backend: Backend) {
    let table = Table::on(backend.store()).await;
    let programs: Vec<_> = (0..8).map(|_| table.process(secret("a-secret"), SigningAlgorithm::EdDsa)).collect();
    let tokens = join_all(programs.iter().map(Process::kid));
    let sets = join_all(programs.iter().map(Process::published));
    let (kids, sets) = tokio::join!(tokens, sets);
    let kids: BTreeSet<_> = kids.into_iter().collect();
    assert_eq!((kids.len(), table.repo().all().await.unwrap().len()), (1, 1));
    assert!(sets.iter().all(|published| *published == kids));
}

/// Covers encrypted keys and a key in plain text, and rows with and without an algorithm.
#[tokio::test]
async fn the_keys_of_a_better_auth_sign() {
    for (name, algorithm, column) in [
        ("single secret, EdDSA", SigningAlgorithm::EdDsa, Some("EdDSA")),
        ("single secret, EdDSA", SigningAlgorithm::EdDsa, None),
        ("single secret, ES256", SigningAlgorithm::Es256, Some("ES256")),
        ("single secret, ES256", SigningAlgorithm::Es256, None),
        ("disablePrivateKeyEncryption", SigningAlgorithm::EdDsa, Some("EdDSA")),
    ] {
        let table = Table::on(Backend::Sqlite.store()).await;
        let (key, secrets) = recorded(name);
        table.add(&StoredKey { algorithm: column.map(str::to_owned), ..key.clone() }).await;
        let program = table.process(secrets, algorithm);
        assert_eq!(program.header().await, json!({ "alg": algorithm.name(), "kid": key.id }), "{name}");
        assert_eq!(program.published().await, set([&key.id]));
    }
}

/// Tokens that were signed with keys of other algorithms must stay valid, so these keys stay published. This includes
/// ES512 keys: Taskbridge does not verify ES512, but other verifiers may.
#[tokio::test]
async fn keys_of_other_algorithms_stay_published() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let mut ids = BTreeSet::new();
    for name in ["EdDSA", "ES256", "ES512", "RS256", "PS256"] {
        let (key, _) = recorded(&format!("single secret, {name}"));
        table.add(&key).await;
        ids.insert(key.id);
    }
    let (eddsa, secrets) = recorded("single secret, EdDSA");
    let program = table.process(secrets, SigningAlgorithm::EdDsa);
    assert_eq!(program.kid().await, eddsa.id);
    assert_eq!(program.published().await, ids);
    let rotated = program.keys.table().rotate().await.unwrap();
    ids.insert(rotated.clone());
    assert_eq!(program.published().await, ids);
    ids.remove(&eddsa.id);
    assert_eq!(program.keys.table().withdraw(&[eddsa.id, "nobody".into()]).await.unwrap(), 1);
    assert_eq!(program.published().await, ids);
}

/// If the key were replaced automatically, a Better Auth server with the right secret could no longer issue tokens: it
/// would select the new key, because that is the newest one, but could not decrypt it. Published keys stay published.
#[tokio::test]
async fn a_key_that_cannot_be_decrypted_is_replaced_only_on_request() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let right = table.process(secret("the-right-secret"), SigningAlgorithm::EdDsa);
    let old = right.kid().await;
    let wrong = table.process(secret("the-wrong-secret"), SigningAlgorithm::EdDsa);
    for _ in 0..2 {
        let refused = wrong.issuer.issue(&user("ann")).await.unwrap_err();
        let SigningError::NoKey(why) = refused else { panic!("{refused:?}") };
        assert_eq!(why.downcast_ref(), Some(&NoSigningKey::Undecryptable));
        assert_eq!(wrong.published().await, set([&old]));
        assert_eq!(table.repo().all().await.unwrap().len(), 1);
        table.clock.advance(StoredKeys::REFRESH);
    }
    assert_eq!(wrong.statuses().await, [StoredKeyStatus::Undecryptable(DecryptionError::OtherSecret)]);
    assert_eq!(right.kid().await, old);

    let new = wrong.keys.table().rotate().await.unwrap();
    table.clock.advance(StoredKeys::REFRESH);
    assert_eq!(wrong.kid().await, new);
    assert_eq!(wrong.published().await, set([&old, &new]));
}

/// Keys that were encrypted with an older secret can still be decrypted with it. A new private key is stored with the
/// version of the secret that encrypts it.
#[tokio::test]
async fn a_rotated_secret_reads_the_keys_of_the_one_before() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let first = table.process(secret("the-first-secret"), SigningAlgorithm::EdDsa);
    let kid = first.kid().await;
    let list = "1:the-second-secret-0123456789-abcdefghij";
    let second = VersionedSecrets::parse(list, Some(SharedSecret::unchecked("the-first-secret"))).unwrap();
    let second = table.process(second, SigningAlgorithm::EdDsa);
    assert_eq!(second.kid().await, kid);
    table.clock.advance(MILLISECOND);
    let rotated = second.keys.table().rotate().await.unwrap();
    let list = format!("2:the-third-secret-0123456789-abcdefghijk,{list}");
    let third = table.process(VersionedSecrets::parse(&list, None).unwrap(), SigningAlgorithm::EdDsa);
    assert_eq!(third.kid().await, rotated);
    let keys = table.repo().all().await.unwrap();
    assert!(keys[1].private.expose().starts_with("\"$ba$1$"), "{keys:?}");
}

/// Tokens that the old key signed stay valid, and other processes sign with the new key after their next refresh.
#[tokio::test]
async fn a_rotated_key_stays_published_for_the_grace_period() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let [one, other] = ["a-secret"; 2].map(|text| table.process(secret(text), SigningAlgorithm::Es256));
    let old = one.kid().await;
    assert_eq!(other.kid().await, old);
    table.clock.advance(Duration::from_mins(5));
    let new = one.keys.table().rotate().await.unwrap();
    assert_eq!(one.statuses().await, [StoredKeyStatus::Verifies, StoredKeyStatus::Signs]);
    assert_eq!(other.published().await, set([&old, &new]));
    table.clock.advance(StoredKeys::REFRESH);
    assert_eq!((one.kid().await, other.kid().await), (new.clone(), new.clone()));
    table.clock.advance(GRACE.saturating_sub(StoredKeys::REFRESH + MILLISECOND));
    assert_eq!(other.published().await, set([&old, &new]));
    table.clock.advance(MILLISECOND);
    assert_eq!(other.published().await, set([&new]));
    assert_eq!(other.statuses().await, [StoredKeyStatus::Unused, StoredKeyStatus::Signs]);
}

/// Even a process with a longer grace period does not publish withdrawn keys. The next token is signed with a new key.
#[tokio::test]
async fn withdrawn_keys_are_not_published_any_more() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let one = table.process(secret("a-secret"), SigningAlgorithm::EdDsa);
    let patient = KeyTableConfig { algorithm: Some(SigningAlgorithm::EdDsa), grace: GRACE * 1000 };
    let other = table.process_with(secret("a-secret"), patient);
    let old = one.kid().await;
    assert_eq!(other.kid().await, old);
    assert_eq!(one.keys.table().withdraw(&[]).await.unwrap(), 1);
    table.clock.advance(StoredKeys::REFRESH);
    let new = other.kid().await;
    assert_ne!(new, old);
    assert_eq!((one.published().await, other.published().await), (set([&new]), set([&new])));
    assert_eq!(one.kid().await, new);
    assert_eq!(one.statuses().await, [StoredKeyStatus::Unused, StoredKeyStatus::Signs]);
}

/// A process that signs with the shared secret nevertheless publishes the keys that other processes created.
#[tokio::test]
async fn a_process_that_signs_with_the_secret_creates_no_key() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let by_secret = table.process_with(secret("a-secret"), KeyTableConfig { algorithm: None, grace: GRACE });
    assert_eq!(by_secret.published().await, BTreeSet::new());
    assert!(by_secret.keys.table().rotate().await.is_err());
    assert_eq!(table.repo().all().await.unwrap(), []);
    let other = table.process(secret("a-secret"), SigningAlgorithm::Es256);
    let kid = other.kid().await;
    assert_eq!(by_secret.published().await, set([&kid]));
    assert_eq!(by_secret.statuses().await, [StoredKeyStatus::Verifies]);
}

/// If key rotation is configured in Better Auth, a key has an expiry time, after which it must not sign tokens.
#[tokio::test]
async fn an_expired_key_does_not_sign() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let (key, secrets) = recorded("single secret, EdDSA");
    let end = moment().after(Duration::from_secs(10));
    table.add(&StoredKey { expires_at: Some(end), ..key.clone() }).await;
    let program = table.process(secrets, SigningAlgorithm::EdDsa);
    assert_eq!(program.kid().await, key.id);
    table.clock.advance(Duration::from_secs(10));
    let new = program.kid().await;
    assert_ne!(new, key.id);
    assert_eq!(program.published().await, set([&key.id, &new]));
}

/// Only the members of a public key are published, even if the column contains more. A row without a valid key is
/// skipped.
#[tokio::test]
async fn nothing_private_is_ever_published() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let (key, secrets) = recorded("disablePrivateKeyEncryption");
    let private = StoredKey { public: key.private.expose().to_owned(), ..key.clone() };
    table.add(&private).await;
    table.add(&StoredKey { id: "no-json".into(), public: "{".into(), ..key.clone() }).await;
    let program = table.process(secrets, SigningAlgorithm::EdDsa);
    let [published] = <[_; 1]>::try_from(program.issuer.public_keys().await.unwrap()).unwrap();
    let names: Vec<_> = published.members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((published.id, names), (key.id, vec!["crv", "kty", "x"]));
}

/// A repository whose reads fail while `is_failing` is set.
struct Breakable {
    repo: SeaSigningKeyRepo,
    is_failing: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl SigningKeyRepo for Breakable {
    async fn next_id(&self) -> Result<String, StoreError> {
        self.repo.next_id().await
    }

    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_failing.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        self.repo.all().await
    }

    async fn add(&self, key: &StoredKey, known: &[String]) -> Result<bool, StoreError> {
        self.repo.add(key, known).await
    }

    async fn expire(&self, ids: &[String], end: Timestamp) -> Result<(), StoreError> {
        self.repo.expire(ids, end).await
    }
}

/// While the database is unavailable, a token with an unknown key causes an error, and the database is queried at most
/// once per cool-down.
#[tokio::test]
async fn known_keys_stay_in_use_while_the_database_is_unavailable() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let repo = Arc::new(Breakable { repo: table.repo(), is_failing: false.into(), asked: 0.into() });
    let config = KeyTableConfig { algorithm: Some(SigningAlgorithm::EdDsa), grace: GRACE };
    let clock = Arc::clone(&table.clock) as _;
    let keys = KeyTable { repo: Arc::clone(&repo) as _, clock, secrets: secret("a-secret"), config };
    let keys = StoredKeys::new(keys);
    let other = table.process(secret("a-secret"), SigningAlgorithm::EdDsa);
    let kid = other.kid().await;
    let header = |kid: &str| -> Header { serde_json::from_value(json!({ "alg": "EdDSA", "kid": kid })).unwrap() };
    assert!(keys.find_key(&header(&kid), &|_| true).await.unwrap().is_some());
    assert!(keys.find_key(&header("made-up"), &|_| true).await.unwrap().is_none());
    let asked = || repo.asked.swap(0, Ordering::Relaxed);
    assert_eq!(asked(), 1, "not again within a second");

    repo.is_failing.store(true, Ordering::Relaxed);
    for hours in [0, 1, 100] {
        table.clock.advance(Duration::from_hours(hours) + StoredKeys::REFRESH);
        for _ in 0..10 {
            assert!(keys.find_key(&header(&kid), &|_| true).await.unwrap().is_some());
            assert!(keys.find_key(&header("made-up"), &|_| true).await.is_err());
        }
        assert_eq!(asked(), 1);
    }
    repo.is_failing.store(false, Ordering::Relaxed);
    table.clock.advance(StoredKeys::COOL_DOWN);
    assert!(keys.find_key(&header("made-up"), &|_| true).await.unwrap().is_none());
}
