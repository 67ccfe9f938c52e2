//! Every adapter passes the contract of its port, on every database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod better_auth;
mod databases;
mod inspection;
mod pooler;
mod precision;

use std::sync::Arc;
use std::time::Duration;

use taskbridge_adapters::bcrypt::{BcryptConfig, BcryptHasher};
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{ExpectedClaims, JwtIssuer, JwtIssuerConfig, JwtVerifier, SecretKey, TrustedIssuer};
use taskbridge_adapters::memory::InMemoryTaskRepo;
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store};
use taskbridge_domain::ports::{IdentityRepo, InsertError, TaskRepo};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::contract::tokens::Tokens;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};

use self::databases::OnDatabase;

mod in_memory {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { Box::new(InMemoryTaskRepo::default()) });
}

/// The tasks of alice and bob.
async fn tasks_on(store: OnDatabase<Store>) -> OnDatabase<SeaTaskRepo> {
    let identity = SeaIdentityRepo::new(store.clone());
    for user in ["alice", "bob"] {
        identity.register(&registration(user)).await.unwrap();
    }
    store.map(SeaTaskRepo::new)
}

mod tasks_on_sqlite {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { tasks_on(databases::sqlite().await).await });
}

mod tasks_on_postgres {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { tasks_on(databases::postgres().await).await });
}

mod tasks_behind_pgbouncer {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { tasks_on(databases::pgbouncer().await).await });
}

mod identity_on_sqlite {
    use super::*;
    taskbridge_domain::identity_repo_contract!(async { databases::sqlite().await.map(SeaIdentityRepo::new) });
}

mod identity_on_postgres {
    use super::*;
    taskbridge_domain::identity_repo_contract!(async { databases::postgres().await.map(SeaIdentityRepo::new) });
}

mod identity_behind_pgbouncer {
    use super::*;
    taskbridge_domain::identity_repo_contract!(async { databases::pgbouncer().await.map(SeaIdentityRepo::new) });
}

mod tasks_on_sqlite_without_users {
    use super::*;
    taskbridge_domain::task_repo_contract!(async {
        let [sqlite, _] = databases::without_users().await;
        sqlite.map(SeaTaskRepo::new)
    });
}

mod tasks_on_postgres_without_users {
    use super::*;
    taskbridge_domain::task_repo_contract!(async {
        let [_, postgres] = databases::without_users().await;
        postgres.map(SeaTaskRepo::new)
    });
}

/// What the contract leaves open: these stores keep their users.
#[tokio::test]
async fn a_task_for_a_user_who_is_not_there_is_refused() {
    for store in [databases::sqlite().await, databases::postgres().await, databases::pgbouncer().await] {
        let repo = tasks_on(store).await;
        let refused = repo.insert(&owner("nobody").await, new_task(), moment()).await;
        assert!(matches!(refused, Err(InsertError::UnknownOwner)));
        // The connection that told so goes on.
        assert!(repo.insert(&owner("alice").await, new_task(), moment()).await.is_ok());
    }
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
        let expected = ExpectedClaims {
            issuers: vec![url()],
            audiences: vec![url()],
            are_required: true,
            leeway: Duration::from_secs(30),
        };
        let trusted = TrustedIssuer { keys: Arc::new(SecretKey::new(&secret)), expected };
        Box::new(Tokens {
            issuer: JwtIssuer::new(&secret, config, Arc::new(SystemClock)),
            auth: JwtVerifier::new(vec![trusted], Arc::new(SystemClock)),
        })
    });
}
