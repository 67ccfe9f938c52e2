//! Tests of the connections that statements on tasks do not use.

use std::pin::pin;

use futures_util::future::{Either, select};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use taskbridge_adapters::database::{SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::{OwnedRepo, StoreError, StoreProbe};
use taskbridge_domain::tasks::TaskQuery;
use taskbridge_domain::testing::fixtures::owner;
use taskbridge_migrations::Users;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::databases::{Backend, HANG, config, migrate, test_on, wait_for_connections_in_use};

/// Number of connections in the pool. One of them is reserved.
const CONNECTIONS: u32 = 4;

test_on!([Sqlite, Postgres], [the_reserve_is_used_while_all_other_connections_are_in_use]);

async fn list(store: &Store) -> Result<(), StoreError> {
    SeaTaskRepo::new(store.clone()).list(&owner("alice").await, &TaskQuery::default()).await.map(drop)
}

/// Uses all connections except the reserved one until the returned connections are dropped.
async fn use_all(backend: Backend, store: &Store) -> Vec<DatabaseConnection> {
    let mut connections = Vec::new();
    if backend == Backend::Sqlite {
        for _ in 1..CONNECTIONS {
            connections.push(store.without_reserve().dedicated().await.unwrap());
        }
        return connections;
    }
    let lock = store.dedicated().await.unwrap();
    lock.execute_unprepared("begin; lock table tasks in access exclusive mode").await.unwrap();
    for _ in 1..CONNECTIONS {
        let store = store.without_reserve();
        tokio::spawn(async move { list(&store).await });
    }
    let in_use = async {
        while store.connections() != (CONNECTIONS as usize - 1, 0) {
            yield_now().await;
        }
    };
    timeout(HANG, in_use).await.unwrap();
    vec![lock]
}

async fn the_reserve_is_used_while_all_other_connections_are_in_use(backend: Backend) {
    let (url, _folder) = backend.new_database().await;
    let config =
        StoreConfig { max_connections: CONNECTIONS, acquire_timeout: HANG, statement_timeout: HANG, ..config(&url) };
    let setup = Store::open(&config).await.unwrap();
    migrate(&setup, Users::Here).await;
    setup.close().await;
    let store = Store::open(&config).await.unwrap();

    let used = use_all(backend, &store).await;
    let tasks = store.without_reserve();
    let waiting = pin!(list(&tasks));
    let probes = pin!(async {
        for _ in 0..3 {
            store.probe().await.unwrap();
        }
    });
    let Either::Right(((), waiting)) = timeout(HANG, select(waiting, probes)).await.unwrap() else {
        panic!("a statement on tasks has used the reserve");
    };
    wait_for_connections_in_use(&store, CONNECTIONS as usize - 1).await;
    assert_eq!(store.connections().0, CONNECTIONS as usize);

    drop(used);
    timeout(HANG, waiting).await.unwrap().unwrap();
    store.close().await;
    assert!(store.probe().await.is_err());
}
