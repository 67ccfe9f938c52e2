//! Tests the contract of [`SigningKeyRepo`] on every kind of database.

use std::time::Duration;

use futures_util::future::join_all;
use taskbridge_adapters::database::SeaSigningKeyRepo;
use taskbridge_adapters::jwt::{SigningKeyRepo, StoredKey, StoredPrivateKey};
use taskbridge_domain::testing::fixtures::moment;

use crate::databases::{Backend, OnDatabase, test_on};
use crate::translated::{Translated, Translator};

test_on!(
    [Sqlite, Postgres, PostgresMapped, Pgbouncer, PostgresUuids, PostgresIntegers, PostgresAlwaysIntegers],
    [
        keys_are_stored_as_given_and_listed_by_age,
        a_key_is_added_only_beside_the_known_keys,
        of_many_concurrent_first_keys_one_is_added,
        the_expiry_of_a_key_is_never_postponed,
    ]
);

async fn repo(backend: Backend) -> OnDatabase<Translated<SeaSigningKeyRepo>> {
    let ids = Translator::new(backend.id_kind());
    backend.store().await.map(|store| Translated { repo: SeaSigningKeyRepo(store), ids })
}

/// Returns an Ed25519 key pair with this id.
pub(crate) fn stored_key(id: &str) -> StoredKey {
    StoredKey {
        id: id.into(),
        public: r#"{"crv":"Ed25519","x":"0mTEOYNmrph_9B8B8P_6uk0kcb-Q1GPi5B99oqCDeMM","kty":"OKP"}"#.into(),
        private: StoredPrivateKey::new(format!("\"encrypted-{id}\"")),
        algorithm: Some("EdDSA".into()),
        curve: Some("Ed25519".into()),
        created_at: moment(),
        expires_at: Some(moment().after(Duration::from_hours(24))),
    }
}

async fn keys_are_stored_as_given_and_listed_by_age(backend: Backend) {
    let repo = repo(backend).await;
    assert_eq!(repo.all().await.unwrap(), []);
    let new = stored_key("new");
    let bare = StoredKey { algorithm: None, curve: None, expires_at: None, ..stored_key("bare") };
    let old = StoredKey { created_at: moment().before(Duration::from_millis(1)), ..bare };
    assert!(repo.add(&new, &[]).await.unwrap());
    assert!(repo.add(&old, &["new".into()]).await.unwrap());
    assert_eq!(repo.all().await.unwrap(), [old, new]);
}

async fn a_key_is_added_only_beside_the_known_keys(backend: Backend) {
    let repo = repo(backend).await;
    assert!(repo.add(&stored_key("first"), &["gone".into()]).await.unwrap());
    assert!(!repo.add(&stored_key("second"), &[]).await.unwrap());
    assert!(repo.add(&stored_key("second"), &["first".into()]).await.unwrap());
    assert!(!repo.add(&stored_key("third"), &["first".into()]).await.unwrap());
    assert_eq!(repo.all().await.unwrap().len(), 2);
}

async fn of_many_concurrent_first_keys_one_is_added(backend: Backend) {
    let repo = repo(backend).await;
    let keys: Vec<_> = (0..10).map(|number| stored_key(&number.to_string())).collect();
    let added = join_all(keys.iter().map(|key| repo.add(key, &[]))).await;
    assert_eq!(added.into_iter().filter(|added| *added.as_ref().unwrap()).count(), 1);
    assert_eq!(repo.all().await.unwrap().len(), 1);
}

async fn the_expiry_of_a_key_is_never_postponed(backend: Backend) {
    let repo = repo(backend).await;
    let first = stored_key("first");
    let younger = |milliseconds| moment().after(Duration::from_millis(milliseconds));
    let other = StoredKey { expires_at: None, created_at: younger(1), ..stored_key("other") };
    let third = StoredKey { expires_at: None, created_at: younger(2), ..stored_key("third") };
    for key in [&first, &other, &third] {
        let known: Vec<_> = repo.all().await.unwrap().into_iter().map(|key| key.id).collect();
        assert!(repo.add(key, &known).await.unwrap());
    }
    let ends = async || {
        let keys = repo.all().await.unwrap();
        keys.into_iter().map(|key| key.expires_at).collect::<Vec<_>>()
    };
    let later = moment().after(Duration::from_hours(48));
    repo.expire(&["first".into(), "other".into(), "unknown".into()], later).await.unwrap();
    assert_eq!(ends().await, [first.expires_at, Some(later), None]);
    repo.expire(&["first".into(), "other".into()], moment()).await.unwrap();
    assert_eq!(ends().await, [Some(moment()), Some(moment()), None]);
    repo.expire(&[], moment()).await.unwrap();
    assert_eq!(ends().await, [Some(moment()), Some(moment()), None]);
}
