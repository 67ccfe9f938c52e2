//! Which key signs, and which are published: on a real table, as Better Auth has it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskbridge_adapters::database::{SeaKeyRepo, Store};
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{
    DecryptionError, Header, JwtIssuer, JwtIssuerConfig, KeySource, KeyTable, KeyTableConfig, NoSigningKey,
    SigningAlgorithm, SigningKeyRepo, StoredKey, StoredKeyStatus, StoredKeys, StoredPrivateKey, TokenSigner,
    VersionedSecrets,
};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{Clock, SigningError, StoreError, TokenIssuer};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{moment, user};

use crate::databases::{Backend, OnDatabase, test_on};

test_on!([Sqlite, Postgres, Pgbouncer], [programs_that_start_together_make_one_key]);

const GRACE: Duration = Duration::from_hours(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// A clock that a test sets.
#[derive(Default)]
struct TestClock(AtomicI64);

impl TestClock {
    fn move_on(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(moment().unix_millis() + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Programs on one table, at one time.
struct Table {
    store: OnDatabase<Store>,
    clock: Arc<TestClock>,
}

/// One of them.
struct Program {
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

    fn repo(&self) -> SeaKeyRepo {
        SeaKeyRepo::new(self.store.clone())
    }

    fn program(&self, secrets: VersionedSecrets, algorithm: SigningAlgorithm) -> Program {
        self.program_with(secrets, KeyTableConfig { algorithm: Some(algorithm), grace: GRACE })
    }

    fn program_with(&self, secrets: VersionedSecrets, config: KeyTableConfig) -> Program {
        let (repo, clock) = (Arc::new(self.repo()), Arc::clone(&self.clock) as _);
        let table = KeyTable::new(repo, Arc::new(SecureIds), clock, secrets, config);
        let keys = Arc::new(StoredKeys::new(table));
        let url = || "http://localhost:8000".to_owned();
        let config = JwtIssuerConfig { issuer: url(), audience: url(), lifetime: Duration::from_mins(15) };
        let issuer = JwtIssuer::new(TokenSigner::KeyPair(Arc::clone(&keys)), config, Arc::clone(&self.clock) as _);
        Program { keys, issuer }
    }

    async fn add(&self, key: &StoredKey) {
        let known: Vec<_> = self.repo().all().await.unwrap().into_iter().map(|key| key.id).collect();
        assert!(self.repo().add(key, &known).await.unwrap());
    }
}

impl Program {
    /// The header of a new token.
    async fn header(&self) -> Value {
        let token = self.issuer.issue(&user("ann")).await.unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.expose().split('.').next().unwrap()).unwrap()).unwrap()
    }

    /// The key of a new token.
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

/// The row of `tests/vectors/jwks-encryption.json` with this name, and its secret.
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

/// Better Auth's header: the algorithm and the key, and nothing else. The row has all that it writes.
#[tokio::test]
async fn the_first_token_makes_a_key_in_better_auths_form() {
    for (algorithm, name, curve) in
        [(SigningAlgorithm::EdDsa, "EdDSA", "Ed25519"), (SigningAlgorithm::Es256, "ES256", "P-256")]
    {
        let table = Table::on(Backend::Sqlite.store()).await;
        let program = table.program(secret("a-secret"), algorithm);
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

/// Also when they are asked for the keys and for tokens at the same time, on every database.
async fn programs_that_start_together_make_one_key(backend: Backend) {
    let table = Table::on(backend.store()).await;
    let programs: Vec<_> = (0..8).map(|_| table.program(secret("a-secret"), SigningAlgorithm::EdDsa)).collect();
    let tokens = join_all(programs.iter().map(Program::kid));
    let sets = join_all(programs.iter().map(Program::published));
    let (kids, sets) = tokio::join!(tokens, sets);
    let kids: BTreeSet<_> = kids.into_iter().collect();
    assert_eq!((kids.len(), table.repo().all().await.unwrap().len()), (1, 1));
    assert!(sets.iter().all(|published| *published == kids));
}

/// Encrypted or not, with a row that names no algorithm as with one that does.
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
        let program = table.program(secrets, algorithm);
        assert_eq!(program.header().await, json!({ "alg": algorithm.name(), "kid": key.id }), "{name}");
        assert_eq!(program.published().await, set([&key.id]));
    }
}

/// Whatever signs now, tokens of all are good: RS256 and ES512 are published, too, for those who can verify them.
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
    let program = table.program(secrets, SigningAlgorithm::EdDsa);
    assert_eq!(program.kid().await, eddsa.id);
    assert_eq!(program.published().await, ids);
    let rotated = program.keys.table().rotate().await.unwrap();
    ids.insert(rotated.clone());
    assert_eq!(program.published().await, ids);
    ids.remove(&eddsa.id);
    assert_eq!(program.keys.table().withdraw(&[eddsa.id, "nobody".into()]).await.unwrap(), 1);
    assert_eq!(program.published().await, ids);
}

/// C060: no key is made by itself that a Better Auth with the right secret could not read, which would take that for
/// its newest and fail for everybody. What is published stays so.
#[tokio::test]
async fn a_key_that_cannot_be_read_is_replaced_only_when_that_is_asked_for() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let right = table.program(secret("the-right-secret"), SigningAlgorithm::EdDsa);
    let old = right.kid().await;
    let wrong = table.program(secret("the-wrong-secret"), SigningAlgorithm::EdDsa);
    for _ in 0..2 {
        let refused = wrong.issuer.issue(&user("ann")).await.unwrap_err();
        let SigningError::NoKey(why) = refused else { panic!("{refused:?}") };
        assert_eq!(why.downcast_ref(), Some(&NoSigningKey::Undecryptable));
        assert_eq!(wrong.published().await, set([&old]));
        assert_eq!(table.repo().all().await.unwrap().len(), 1);
        table.clock.move_on(StoredKeys::REFRESH);
    }
    assert_eq!(wrong.statuses().await, [StoredKeyStatus::Undecryptable(DecryptionError::OtherSecret)]);
    assert_eq!(right.kid().await, old);

    let new = wrong.keys.table().rotate().await.unwrap();
    table.clock.move_on(StoredKeys::REFRESH);
    assert_eq!(wrong.kid().await, new);
    assert_eq!(wrong.published().await, set([&old, &new]));
}

/// An older secret still decrypts its keys; new keys name the version of the secret that encrypts them.
#[tokio::test]
async fn a_rotated_secret_reads_the_keys_of_the_one_before() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let first = table.program(secret("the-first-secret"), SigningAlgorithm::EdDsa);
    let kid = first.kid().await;
    let list = "1:the-second-secret-0123456789-abcdefghij";
    let second = VersionedSecrets::parse(list, Some(SharedSecret::unchecked("the-first-secret"))).unwrap();
    let second = table.program(second, SigningAlgorithm::EdDsa);
    assert_eq!(second.kid().await, kid);
    table.clock.move_on(MILLISECOND);
    let rotated = second.keys.table().rotate().await.unwrap();
    let list = format!("2:the-third-secret-0123456789-abcdefghijk,{list}");
    let third = table.program(VersionedSecrets::parse(&list, None).unwrap(), SigningAlgorithm::EdDsa);
    assert_eq!(third.kid().await, rotated);
    let keys = table.repo().all().await.unwrap();
    assert!(keys[1].private.expose().starts_with("\"$ba$1$"), "{keys:?}");
}

/// The tokens of the old key are good for the grace period, and other programs sign with the new one soon.
#[tokio::test]
async fn a_key_that_was_replaced_is_published_for_the_grace_period() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let [one, other] = ["a-secret"; 2].map(|text| table.program(secret(text), SigningAlgorithm::Es256));
    let old = one.kid().await;
    assert_eq!(other.kid().await, old);
    table.clock.move_on(Duration::from_mins(5));
    let new = one.keys.table().rotate().await.unwrap();
    assert_eq!(one.statuses().await, [StoredKeyStatus::Verifies, StoredKeyStatus::Signs]);
    assert_eq!(other.published().await, set([&old, &new]));
    table.clock.move_on(StoredKeys::REFRESH);
    assert_eq!((one.kid().await, other.kid().await), (new.clone(), new.clone()));
    table.clock.move_on(GRACE.saturating_sub(StoredKeys::REFRESH + MILLISECOND));
    assert_eq!(other.published().await, set([&old, &new]));
    table.clock.move_on(MILLISECOND);
    assert_eq!(other.published().await, set([&new]));
    assert_eq!(other.statuses().await, [StoredKeyStatus::Unused, StoredKeyStatus::Signs]);
}

/// For keys that somebody else may have: whatever grace period whoever reckons with, and the next token is of a new
/// one.
#[tokio::test]
async fn keys_that_were_withdrawn_are_gone() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let one = table.program(secret("a-secret"), SigningAlgorithm::EdDsa);
    let patient = KeyTableConfig { algorithm: Some(SigningAlgorithm::EdDsa), grace: GRACE * 1000 };
    let other = table.program_with(secret("a-secret"), patient);
    let old = one.kid().await;
    assert_eq!(other.kid().await, old);
    assert_eq!(one.keys.table().withdraw(&[]).await.unwrap(), 1);
    table.clock.move_on(StoredKeys::REFRESH);
    let new = other.kid().await;
    assert_ne!(new, old);
    assert_eq!((one.published().await, other.published().await), (set([&new]), set([&new])));
    assert_eq!(one.kid().await, new);
    assert_eq!(one.statuses().await, [StoredKeyStatus::Unused, StoredKeyStatus::Signs]);
}

/// Where the secret signs, the keys of others verify all the same, and none is made.
#[tokio::test]
async fn a_program_that_signs_with_the_secret_makes_no_key() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let by_secret = table.program_with(secret("a-secret"), KeyTableConfig { algorithm: None, grace: GRACE });
    assert_eq!(by_secret.published().await, BTreeSet::new());
    assert!(by_secret.keys.table().rotate().await.is_err());
    assert_eq!(table.repo().all().await.unwrap(), []);
    let other = table.program(secret("a-secret"), SigningAlgorithm::Es256);
    let kid = other.kid().await;
    assert_eq!(by_secret.published().await, set([&kid]));
    assert_eq!(by_secret.statuses().await, [StoredKeyStatus::Verifies]);
}

/// Better Auth gives keys an end where it is told to rotate them.
#[tokio::test]
async fn a_key_that_has_expired_signs_no_more() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let (key, secrets) = recorded("single secret, EdDSA");
    let end = moment().after(Duration::from_secs(10));
    table.add(&StoredKey { expires_at: Some(end), ..key.clone() }).await;
    let program = table.program(secrets, SigningAlgorithm::EdDsa);
    assert_eq!(program.kid().await, key.id);
    table.clock.move_on(Duration::from_secs(10));
    let new = program.kid().await;
    assert_ne!(new, key.id);
    assert_eq!(program.published().await, set([&key.id, &new]));
}

/// What is no key is not published, and nothing of a row but what everybody may know.
#[tokio::test]
async fn nothing_private_is_ever_published() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let (key, secrets) = recorded("disablePrivateKeyEncryption");
    let private = StoredKey { public: key.private.expose().to_owned(), ..key.clone() };
    table.add(&private).await;
    table.add(&StoredKey { id: "no-json".into(), public: "{".into(), ..key.clone() }).await;
    let program = table.program(secrets, SigningAlgorithm::EdDsa);
    let [published] = <[_; 1]>::try_from(program.issuer.public_keys().await.unwrap()).unwrap();
    let names: Vec<_> = published.members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((published.id, names), (key.id, vec!["crv", "kty", "x"]));
}

/// A store that a test takes away.
struct Breakable {
    repo: SeaKeyRepo,
    is_away: AtomicBool,
    asked: AtomicUsize,
}

#[async_trait]
impl SigningKeyRepo for Breakable {
    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
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

/// Keys that are known verify for as long as it takes; a key that is not known cannot be told, and the store is left
/// alone.
#[tokio::test]
async fn a_store_that_is_away_takes_no_token_along() {
    let table = Table::on(Backend::Sqlite.store()).await;
    let repo = Arc::new(Breakable { repo: table.repo(), is_away: false.into(), asked: 0.into() });
    let config = KeyTableConfig { algorithm: Some(SigningAlgorithm::EdDsa), grace: GRACE };
    let clock = Arc::clone(&table.clock) as _;
    let keys = KeyTable::new(Arc::clone(&repo) as _, Arc::new(SecureIds), clock, secret("a-secret"), config);
    let keys = StoredKeys::new(keys);
    let other = table.program(secret("a-secret"), SigningAlgorithm::EdDsa);
    let kid = other.kid().await;
    let header = |kid: &str| -> Header { serde_json::from_value(json!({ "alg": "EdDSA", "kid": kid })).unwrap() };
    assert!(keys.find_key(&header(&kid), &|_| true).await.unwrap().is_some());
    assert!(keys.find_key(&header("made-up"), &|_| true).await.unwrap().is_none());
    let asked = || repo.asked.swap(0, Ordering::Relaxed);
    assert_eq!(asked(), 1, "not again within a second, for whatever kid");

    repo.is_away.store(true, Ordering::Relaxed);
    for hours in [0, 1, 100] {
        table.clock.move_on(Duration::from_hours(hours) + StoredKeys::REFRESH);
        for _ in 0..10 {
            assert!(keys.find_key(&header(&kid), &|_| true).await.unwrap().is_some());
            assert!(keys.find_key(&header("made-up"), &|_| true).await.is_err());
        }
        assert_eq!(asked(), 1);
    }
    repo.is_away.store(false, Ordering::Relaxed);
    table.clock.move_on(StoredKeys::COOL_DOWN);
    assert!(keys.find_key(&header("made-up"), &|_| true).await.unwrap().is_none());
}
