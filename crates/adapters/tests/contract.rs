//! Every adapter passes the contract of its port, on every database.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use taskbridge_adapters::bcrypt::{BcryptConfig, BcryptHasher};
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{ExpectedClaims, JwtIssuer, JwtIssuerConfig, JwtVerifier, SecretKey, TrustedIssuer};
use taskbridge_adapters::memory::InMemoryTaskRepo;
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::IdentityRepo;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::contract::tokens::Tokens;
use taskbridge_domain::testing::fixtures::registration;
use taskbridge_migrations::Migrator;
use taskbridge_migrations::sea_orm_migration::MigratorTrait;
use tempfile::TempDir;

/// An adapter on a database of its own, which goes with it.
struct OnSqlite<A> {
    adapter: A,
    folder: TempDir,
}

impl<A> OnSqlite<A> {
    fn map<B>(self, adapter: impl FnOnce(A) -> B) -> OnSqlite<B> {
        OnSqlite { adapter: adapter(self.adapter), folder: self.folder }
    }
}

impl<A> Deref for OnSqlite<A> {
    type Target = A;
    fn deref(&self) -> &A {
        &self.adapter
    }
}

async fn sqlite() -> OnSqlite<Store> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("contract.db").display());
    let config = StoreConfig { url, max_connections: 4, acquire_timeout: Duration::from_secs(10) };
    let store = Store::open(&config).await.unwrap();
    Migrator::up(store.connection(), None).await.unwrap();
    OnSqlite { adapter: store, folder }
}

mod in_memory {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { Box::new(InMemoryTaskRepo::default()) });
}

mod sqlite_tasks {
    use super::*;

    async fn with_users() -> OnSqlite<SeaTaskRepo> {
        let store = sqlite().await;
        let identity = SeaIdentityRepo::new(store.clone());
        for user in ["alice", "bob"] {
            identity.register(&registration(user)).await.unwrap();
        }
        store.map(SeaTaskRepo::new)
    }

    taskbridge_domain::task_repo_contract!(with_users());

    /// What the contract leaves open: this store keeps its users.
    #[tokio::test]
    async fn a_task_for_a_user_who_is_not_there_is_refused() {
        use taskbridge_domain::ports::{InsertError, TaskRepo};
        use taskbridge_domain::testing::fixtures::{moment, new_task, owner};
        let repo = with_users().await;
        let refused = repo.insert(&owner("nobody").await, new_task(), moment()).await;
        assert!(matches!(refused, Err(InsertError::UnknownOwner)));
    }
}

mod sqlite_identity {
    use super::*;

    taskbridge_domain::identity_repo_contract!(async { sqlite().await.map(SeaIdentityRepo::new) });
}

mod bcrypt_hasher {
    use super::*;
    taskbridge_domain::password_hasher_contract!(async {
        Box::new(BcryptHasher::new(BcryptConfig { cost: 4, threads: 2, queue: 8 }).unwrap())
    });
}

mod secure_ids {
    use super::*;
    taskbridge_domain::id_generator_contract!(async { Box::new(SecureIds) });
}

mod hs256 {
    use super::*;

    taskbridge_domain::tokens_contract!(async {
        let secret = SharedSecret::parse("contract-secret-not-for-production-0123456789").unwrap();
        let url = || "http://localhost:8000".to_owned();
        let config = JwtIssuerConfig { issuer: url(), audience: url(), lifetime: Duration::from_mins(15) };
        let expected = ExpectedClaims { issuer: url(), audience: url(), leeway: Duration::from_secs(30) };
        let trusted = TrustedIssuer { keys: Arc::new(SecretKey::new(&secret)), expected };
        Box::new(Tokens {
            issuer: JwtIssuer::new(&secret, config, Arc::new(SystemClock)),
            auth: JwtVerifier::new(vec![trusted], Arc::new(SystemClock)),
        })
    });
}
