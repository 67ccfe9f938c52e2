//! Runs the contract suite of each port on its adapters, on every kind of database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod better_auth;
mod column_types;
mod databases;
mod dropped;
mod email_case;
mod inspection;
mod mapped;
mod owners;
mod pooler;
mod precision;
mod prepared;
mod repetition;
mod reserve;
mod restrictions;
mod rewritten;
mod row_ids;
mod shared_connections;
mod signing_key_repo;
mod sqlite_pool;
mod stored_keys;
mod task_limit;
mod translated;
mod user_admin;

use std::sync::Arc;
use std::time::Duration;

use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::concurrency::{ConcurrencyLimitedRepo, StatementLimits, StatementPermits};
use taskbridge_adapters::database::{
    SeaIdentityRepo, SeaRateLimiter, SeaSessionRepo, SeaSigningKeyRepo, SeaTaskRepo, SeaUserAdminRepo, Store,
};
use taskbridge_adapters::ids::SecureIds;
use taskbridge_adapters::jwt::{
    ExpectedClaims, JwtIssuer, JwtIssuerConfig, JwtVerifier, KeySource, KeyTable, KeyTableConfig, SharedSecretKey,
    SigningAlgorithm, StoredKeys, TrustedIssuer, VersionedSecrets,
};
use taskbridge_adapters::passwords::{ThreadedPasswordHasher, ThreadedPasswordHasherConfig};
use taskbridge_adapters::rate_limiter::InMemoryRateLimiter;
use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::{IdentityRepo, PasswordHasher};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::contract::tokens::Tokens;
use taskbridge_domain::testing::fixtures::registration;
use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;
use taskbridge_domain::users::{HashAlgorithm, NewPassword, Password, PasswordHash};

use self::databases::{Backend, OnDatabase};
use self::translated::{Translated, Translator};

/// Its tasks do not survive a restart, so it is not reopened.
mod in_memory {
    use super::*;
    taskbridge_domain::task_repo_contract!(async { Box::new(InMemoryTaskRepo::default()) }, async |repo| repo);
}

mod one_statement_of_each_owner_at_a_time {
    use super::*;
    taskbridge_domain::task_repo_contract!(
        async {
            let limit = StatementLimits { max_per_owner: 1, max_searches: 1, wait: Duration::from_mins(1) };
            Box::new(ConcurrencyLimitedRepo::new(InMemoryTaskRepo::default(), StatementPermits::new(limit)))
        },
        async |repo| repo
    );
}

/// Runs the contract suites of all repositories on one kind of database.
macro_rules! repository_suites {
    ($backend:ident) => {
        mod tasks {
            use super::super::*;
            taskbridge_domain::task_repo_contract!(async { tasks(Backend::$backend).await }, async |tasks| tasks_of(
                Backend::$backend,
                tasks.reopened().await
            ));
        }

        mod identity {
            use super::super::*;
            taskbridge_domain::identity_repo_contract!(async {
                Backend::$backend.store().await.map(|store| all_of_a_user(Backend::$backend, store))
            });
        }

        mod sessions {
            use super::super::*;
            taskbridge_domain::session_repo_contract!(async {
                Backend::$backend.store().await.map(|store| identity_and_sessions(Backend::$backend, store))
            });
        }

        mod user_admin {
            use super::super::*;
            taskbridge_domain::user_admin_repo_contract!(async {
                Backend::$backend.store().await.map(|store| with_user_admin(Backend::$backend, store))
            });
        }

        mod limiter {
            use super::super::*;
            taskbridge_domain::rate_limiter_contract!(async { Backend::$backend.store().await.map(SeaRateLimiter) });
        }
    };
}

/// Runs the contract suite of tasks on a database without the table `user`, as in bridge mode.
macro_rules! bridge_suite {
    ($backend:ident) => {
        mod tasks_without_users {
            use super::super::*;
            taskbridge_domain::task_repo_contract!(
                async { Backend::$backend.store_without_users().await.map(SeaTaskRepo::new) },
                async |tasks| tasks.reopened().await.map(SeaTaskRepo::new)
            );
        }
    };
}

mod on_sqlite {
    repository_suites!(Sqlite);
    bridge_suite!(Sqlite);
}

mod on_postgres {
    repository_suites!(Postgres);
    bridge_suite!(Postgres);
}

mod on_postgres_with_other_names {
    repository_suites!(PostgresMapped);
}

mod on_postgres_behind_pgbouncer {
    repository_suites!(Pgbouncer);
}

mod on_postgres_with_uuids {
    repository_suites!(PostgresUuids);
}

mod on_postgres_with_integers {
    repository_suites!(PostgresIntegers);
}

mod on_postgres_with_always_generated_integers {
    repository_suites!(PostgresAlwaysIntegers);
}

/// Creates the users alice and bob, and returns a repository for their tasks.
async fn tasks(backend: Backend) -> OnDatabase<Translated<SeaTaskRepo>> {
    let store = backend.store().await;
    let (identity, ..) = all_of_a_user(backend, Store::clone(&store));
    for user in ["alice", "bob"] {
        identity.register(&registration(user)).await.unwrap();
    }
    tasks_of(backend, store)
}

fn tasks_of(backend: Backend, store: OnDatabase<Store>) -> OnDatabase<Translated<SeaTaskRepo>> {
    store.map(|store| all_of_a_user(backend, store).2)
}

type Identity = Translated<SeaIdentityRepo>;
type Sessions = Translated<SeaSessionRepo>;
type Tasks = Translated<SeaTaskRepo>;

fn identity_and_sessions(backend: Backend, store: Store) -> (Identity, Sessions) {
    let (identity, sessions, _) = all_of_a_user(backend, store);
    (identity, sessions)
}

fn all_of_a_user(backend: Backend, store: Store) -> (Identity, Sessions, Tasks) {
    let (identity, sessions, tasks, _) = with_user_admin(backend, store);
    (identity, sessions, tasks)
}

fn with_user_admin(backend: Backend, store: Store) -> (Identity, Sessions, Tasks, Translated<SeaUserAdminRepo>) {
    let ids = Translator::new(backend.id_kind());
    (
        Translated { repo: SeaIdentityRepo(store.clone()), ids: ids.clone() },
        Translated { repo: SeaSessionRepo(store.clone()), ids: ids.clone() },
        Translated { repo: SeaTaskRepo::new(store.clone()), ids: ids.clone() },
        Translated { repo: SeaUserAdminRepo(store), ids },
    )
}

mod limiter_in_memory {
    use super::*;
    taskbridge_domain::rate_limiter_contract!(async { Box::new(InMemoryRateLimiter::default()) });
}

fn hasher(write: HashAlgorithm) -> ThreadedPasswordHasher {
    let config = ThreadedPasswordHasherConfig { write, bcrypt_cost: 4, threads: 2, queue: 8, queue_per_network: 8 };
    ThreadedPasswordHasher::new(config).unwrap()
}

mod bcrypt_hasher {
    use super::*;
    taskbridge_domain::password_hasher_contract!(async { Box::new(hasher(HashAlgorithm::Bcrypt)) });
}

mod scrypt_hasher {
    use super::*;
    taskbridge_domain::password_hasher_contract!(async { Box::new(hasher(HashAlgorithm::Scrypt)) });
}

async fn hash(hasher: &ThreadedPasswordHasher) -> PasswordHash {
    let password = NewPassword::parse("correct horse", hasher.algorithm()).unwrap();
    hasher.hash(ClientNetwork::UNKNOWN, password).await.unwrap()
}

#[tokio::test]
async fn either_hasher_verifies_both_forms() {
    let hashers = [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt].map(hasher);
    for writer in &hashers {
        let stored = hash(writer).await;
        for verifier in &hashers {
            let verify = |text: &str| {
                verifier.verify(ClientNetwork::UNKNOWN, Password::parse(text).unwrap(), Some(stored.clone()))
            };
            assert!(verify("correct horse").await.unwrap());
            assert!(!verify("wrong horse").await.unwrap());
        }
    }
}

/// A hash is current only if it has the configured algorithm and, for bcrypt, the configured cost.
#[tokio::test]
async fn another_form_is_not_current() {
    let [bcrypt, scrypt] = [HashAlgorithm::Bcrypt, HashAlgorithm::Scrypt].map(hasher);
    let harder = ThreadedPasswordHasher::new(ThreadedPasswordHasherConfig {
        write: HashAlgorithm::Bcrypt,
        bcrypt_cost: 5,
        threads: 1,
        queue: 1,
        queue_per_network: 1,
    })
    .unwrap();
    for (writer, others) in
        [(&bcrypt, [&scrypt, &harder]), (&scrypt, [&bcrypt, &harder]), (&harder, [&bcrypt, &scrypt])]
    {
        let stored = hash(writer).await;
        assert!(others.iter().all(|other| !other.is_current(&stored)));
    }
}

mod secure_ids {
    use super::*;
    taskbridge_domain::id_generator_contract!(async { Box::new(SecureIds) });
}

const URL: &str = "http://localhost:8000";

/// Returns an issuer that signs with `keys`, and a verifier that gets its keys from `source`.
fn tokens(keys: Arc<StoredKeys>, source: Arc<dyn KeySource>) -> Tokens<JwtIssuer, JwtVerifier> {
    let config = JwtIssuerConfig { issuer: URL.into(), audience: URL.into(), lifetime: Duration::from_mins(15) };
    let expected = ExpectedClaims {
        issuers: vec![URL.into()],
        audiences: vec![URL.into()],
        require_issuer: true,
        leeway: Duration::from_secs(30),
    };
    Tokens {
        issuer: JwtIssuer::new(keys, config, Arc::new(SystemClock)),
        auth: JwtVerifier::new(vec![TrustedIssuer { keys: source, expected }], Arc::new(SystemClock)),
    }
}

fn secret() -> SharedSecret {
    SharedSecret::parse("contract-secret-not-for-production-0123456789").unwrap()
}

fn stored_keys(store: Store, algorithm: Option<SigningAlgorithm>) -> Arc<StoredKeys> {
    let repo = Arc::new(SeaSigningKeyRepo(store));
    let config = KeyTableConfig { algorithm, grace: Duration::ZERO };
    let secrets = VersionedSecrets::single(secret());
    let table = KeyTable { repo, clock: Arc::new(SystemClock), secrets, config };
    Arc::new(StoredKeys::new(table))
}

fn signed_with_pairs(store: Store, algorithm: SigningAlgorithm) -> Tokens<JwtIssuer, JwtVerifier> {
    let keys = stored_keys(store, Some(algorithm));
    tokens(Arc::clone(&keys), keys)
}

fn signed_with_the_secret(store: Store) -> Tokens<JwtIssuer, JwtVerifier> {
    tokens(stored_keys(store, None), Arc::new(SharedSecretKey::new(&secret())))
}

mod hs256 {
    use super::*;
    taskbridge_domain::tokens_contract!(async { Backend::Sqlite.store().await.map(signed_with_the_secret) });
}

mod eddsa {
    use super::*;
    taskbridge_domain::tokens_contract!(async {
        Backend::Sqlite.store().await.map(|store| signed_with_pairs(store, SigningAlgorithm::EdDsa))
    });
}

mod es256 {
    use super::*;
    taskbridge_domain::tokens_contract!(async {
        Backend::Sqlite.store().await.map(|store| signed_with_pairs(store, SigningAlgorithm::Es256))
    });
}
