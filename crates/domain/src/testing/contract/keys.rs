//! The contract of [`KeyRepo`]. The store must be empty.

use std::time::Duration;

use futures_util::future::join_all;

use crate::key::StoredKey;
use crate::ports::KeyRepo;
use crate::testing::fixtures::{moment, stored_key};

/// The tests of a [`KeyRepo`]; see [`contract`](crate::testing::contract).
#[macro_export]
macro_rules! key_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            keys,
            $subject,
            [
                keys_are_stored_as_given_and_listed_by_age,
                a_key_is_added_beside_those_that_are_known,
                of_many_first_keys_one_is_added,
                keys_expire_but_never_later_than_before,
            ]
        );
    };
}

/// Field by field.
pub async fn keys_are_stored_as_given_and_listed_by_age(repo: &impl KeyRepo) {
    assert_eq!(repo.all().await.unwrap(), []);
    let new = stored_key("new");
    let bare = StoredKey { algorithm: None, curve: None, expires_at: None, ..stored_key("bare") };
    let old = StoredKey { created_at: moment().before(Duration::from_millis(1)), ..bare };
    assert!(repo.add(&new, &[]).await.unwrap());
    assert!(repo.add(&old, &["new".into()]).await.unwrap());
    assert_eq!(repo.all().await.unwrap(), [old, new]);
}

/// Whoever does not know all of them does not know whether another is needed.
pub async fn a_key_is_added_beside_those_that_are_known(repo: &impl KeyRepo) {
    assert!(repo.add(&stored_key("first"), &["gone".into()]).await.unwrap());
    assert!(!repo.add(&stored_key("second"), &[]).await.unwrap());
    assert!(repo.add(&stored_key("second"), &["first".into()]).await.unwrap());
    assert!(!repo.add(&stored_key("third"), &["first".into()]).await.unwrap());
    assert_eq!(repo.all().await.unwrap().len(), 2);
}

/// Exactly one of ten.
pub async fn of_many_first_keys_one_is_added(repo: &impl KeyRepo) {
    let keys: Vec<_> = (0..10).map(|number| stored_key(&number.to_string())).collect();
    let added = join_all(keys.iter().map(|key| repo.add(key, &[]))).await;
    assert_eq!(added.into_iter().filter(|added| *added.as_ref().unwrap()).count(), 1);
    assert_eq!(repo.all().await.unwrap().len(), 1);
}

/// Those that are named.
pub async fn keys_expire_but_never_later_than_before(repo: &impl KeyRepo) {
    let first = stored_key("first");
    let other = StoredKey { expires_at: None, ..stored_key("other") };
    let third = StoredKey { expires_at: None, ..stored_key("third") };
    for key in [&first, &other, &third] {
        let known: Vec<_> = repo.all().await.unwrap().into_iter().map(|key| key.id).collect();
        assert!(repo.add(key, &known).await.unwrap());
    }
    let ends = async || {
        let keys = repo.all().await.unwrap();
        keys.into_iter().map(|key| key.expires_at).collect::<Vec<_>>()
    };
    let later = moment().after(Duration::from_hours(48));
    repo.expire(&["first".into(), "other".into(), "nobody".into()], later).await.unwrap();
    assert_eq!(ends().await, [first.expires_at, Some(later), None]);
    repo.expire(&["first".into(), "other".into()], moment()).await.unwrap();
    assert_eq!(ends().await, [Some(moment()), Some(moment()), None]);
    repo.expire(&[], moment()).await.unwrap();
    assert_eq!(ends().await, [Some(moment()), Some(moment()), None]);
}
