//! Empty databases with our schema: one for each test, on each kind that there is.

use std::ops::Deref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::{Store, StoreConfig};
use taskbridge_migrations::Users;
use tempfile::TempDir;

/// An adapter on a database of its own, and what must live as long.
pub(crate) struct OnDatabase<A> {
    adapter: A,
    folder: Option<TempDir>,
}

impl<A> OnDatabase<A> {
    pub(crate) fn map<B>(self, adapter: impl FnOnce(A) -> B) -> OnDatabase<B> {
        OnDatabase { adapter: adapter(self.adapter), folder: self.folder }
    }
}

impl<A> Deref for OnDatabase<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.adapter
    }
}

/// In a file that goes with the test.
pub(crate) async fn sqlite() -> OnDatabase<Store> {
    sqlite_with("").await
}

/// The same, filled by this script before we see it.
pub(crate) async fn sqlite_with(script: &str) -> OnDatabase<Store> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("contract.db").display());
    run(&url, script).await;
    OnDatabase { adapter: open(&url).await, folder: Some(folder) }
}

/// On the cluster of the tests.
pub(crate) async fn postgres() -> OnDatabase<Store> {
    postgres_with("").await
}

/// The same, filled by this script before we see it.
pub(crate) async fn postgres_with(script: &str) -> OnDatabase<Store> {
    let url = format!("{}/{}", variable("TASKBRIDGE_TEST_POSTGRES"), fresh_database().await);
    run(&url, script).await;
    OnDatabase { adapter: open(&url).await, folder: None }
}

/// As in bridge mode: the users are somebody else's, and there is no table of them.
pub(crate) async fn without_users() -> [OnDatabase<Store>; 2] {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("bridge.db").display());
    let url = format!("{}/{}", variable("TASKBRIDGE_TEST_POSTGRES"), fresh_database().await);
    [
        OnDatabase { adapter: open_for(&file, Users::Elsewhere).await, folder: Some(folder) },
        OnDatabase { adapter: open_for(&url, Users::Elsewhere).await, folder: None },
    ]
}

/// On a connection of its own: scripts change settings.
async fn run(url: &str, script: &str) {
    let store = Store::open(&config(url)).await.unwrap();
    store.dedicated().await.unwrap().execute_unprepared(script).await.unwrap();
    store.close().await;
}

/// The same through a pooler in transaction mode, which has fewer connections to the server than we have to it.
pub(crate) async fn pgbouncer() -> OnDatabase<Store> {
    let url = variable("TASKBRIDGE_TEST_PGBOUNCER");
    OnDatabase { adapter: open(&format!("{url}/{}?pgbouncer=true", fresh_database().await)).await, folder: None }
}

/// The same, through a pooler that the URL says nothing of.
pub(crate) async fn undeclared_pgbouncer() -> OnDatabase<Store> {
    let url = variable("TASKBRIDGE_TEST_PGBOUNCER");
    OnDatabase { adapter: open(&format!("{url}/{}", fresh_database().await)).await, folder: None }
}

/// A database behind the pooler, with that many connections to the pooler, and the way to open it again.
pub(crate) struct BehindPooler {
    pub(crate) store: Store,
    config: StoreConfig,
}

pub(crate) async fn pgbouncer_with(max_connections: u32) -> BehindPooler {
    let url = format!("{}/{}?pgbouncer=true", variable("TASKBRIDGE_TEST_PGBOUNCER"), fresh_database().await);
    let config = StoreConfig { max_connections, ..config(&url) };
    let store = Store::open(&config).await.unwrap();
    taskbridge_migrations::up(&store.dedicated().await.unwrap(), Users::Here).await.unwrap();
    BehindPooler { store, config }
}

pub(crate) async fn reopened(first: &BehindPooler) -> Store {
    Store::open(&first.config).await.unwrap()
}

async fn open(url: &str) -> Store {
    open_for(url, Users::Here).await
}

async fn open_for(url: &str, users: Users) -> Store {
    let store = Store::open(&config(url)).await.unwrap();
    taskbridge_migrations::up(&store.dedicated().await.unwrap(), users).await.unwrap();
    store
}

pub(crate) fn config(url: &str) -> StoreConfig {
    StoreConfig {
        url: url.parse().unwrap(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        statement_timeout: Duration::from_secs(10),
        start_timeout: Duration::from_secs(10),
    }
}

/// The URL of an empty database on one of the servers of the tests.
pub(crate) async fn fresh_url(server: &str) -> String {
    format!("{}/{}", variable(server), fresh_database().await)
}

/// The name of a database that was made for the caller.
async fn fresh_database() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("contract_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let admin = Store::open(&config(&format!("{}/postgres", variable("TASKBRIDGE_TEST_POSTGRES")))).await.unwrap();
    admin.dedicated().await.unwrap().execute_unprepared(&format!("create database {name}")).await.unwrap();
    admin.close().await;
    name
}

#[expect(clippy::disallowed_methods, reason = "where the databases of the tests are")]
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or run make test"))
}
