//! Tests of the connection pool for SQLite: statements that do not end, dropped requests, and closing.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use taskbridge_adapters::database::{SeaIdentityRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::{CreateError, IdentityRepo, OwnedRepo, RegisterError, StoreError, TaskRepo};
use taskbridge_domain::tasks::{NewTask, TaskFilter, Title};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_migrations::Users;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::databases::{HANG, config, migrate, wait_for_connections_in_use};

/// A timeout that no test reaches.
const HOUR: Duration = Duration::from_hours(1);
/// A timeout that only endless statements reach.
const BRIEF: Duration = Duration::from_millis(500);
/// Triggers that make two statements run forever: inserting a task with the title `slow`, and inserting the account of
/// the user `slow`.
const NEVER_END: &str = "\
    create trigger slow_task before insert on tasks when new.title = 'slow' begin \
      select count(*) from (with recursive n(i) as (select 1 union all select i + 1 from n) select i from n); end; \
    create trigger slow_account before insert on account when new.\"userId\" = 'slow' begin \
      select count(*) from (with recursive n(i) as (select 1 union all select i + 1 from n) select i from n); end";

struct Opened {
    store: Store,
    folder: TempDir,
}

impl Opened {
    /// Opens a new file with all tables, the user `ann`, and the triggers in [`NEVER_END`].
    async fn with(max_connections: u32, statement_timeout: Duration) -> Self {
        let acquire_timeout = HANG;
        Self::with_config(|config| StoreConfig { max_connections, statement_timeout, acquire_timeout, ..config }).await
    }

    async fn with_config(configure: impl FnOnce(StoreConfig) -> StoreConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("pool.db").display());
        let store = Store::open(&configure(config(&url))).await.unwrap();
        migrate(&store, Users::Here).await;
        let opened = Self { store, folder };
        opened.execute(NEVER_END).await;
        opened.register("ann").await.unwrap();
        opened
    }

    /// Takes the write lock of the file as another process does, until the returned value is dropped.
    async fn lock(&self) -> DatabaseConnection {
        let url = format!("sqlite://{}", self.folder.path().join("pool.db").display());
        let connection = Store::open(&config(&url)).await.unwrap().dedicated().await.unwrap();
        connection.execute_unprepared("begin immediate").await.unwrap();
        connection
    }

    async fn execute(&self, script: &str) {
        self.store.dedicated().await.unwrap().execute_unprepared(script).await.unwrap();
    }

    async fn register(&self, id: &str) -> Result<(), RegisterError> {
        SeaIdentityRepo(self.store.clone()).register(&registration(id)).await
    }

    async fn add(&self, title: &str) -> Result<(), CreateError> {
        let task = NewTask { title: Title::parse(title).unwrap(), ..new_task() };
        SeaTaskRepo::new(self.store.clone()).create(&owner("ann").await, task, moment()).await.map(drop)
    }

    async fn count(&self) -> u64 {
        let tasks = SeaTaskRepo::new(self.store.clone());
        tasks.count(&owner("ann").await, &TaskFilter::default()).await.unwrap()
    }

    /// Starts `work`, and drops it while it uses a connection. Meanwhile, the test uses `others` connections.
    async fn cancel<T>(&self, others: usize, work: impl Future<Output = T>) {
        wait_for_connections_in_use(&self.store, others).await;
        let mut work = pin!(work);
        let has_connection = wait_for_connections_in_use(&self.store, others + 1);
        tokio::select! {
            _ = &mut work => panic!("it has completed"),
            () = has_connection => {}
        }
        // `work` has a connection now. Its statement usually begins during this pause.
        assert!(timeout(BRIEF / 2, work).await.is_err());
    }
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_interrupted_and_has_no_effect() {
    let opened = Opened::with(1, BRIEF).await;
    for _ in 0..3 {
        let added = timeout(HANG, opened.add("slow")).await.unwrap();
        assert!(matches!(added, Err(CreateError::Store(StoreError::Unavailable(_)))), "{added:?}");
    }
    assert_eq!(opened.count().await, 0);
    opened.add("quick").await.unwrap();
    assert_eq!(opened.count().await, 1);
    assert_eq!(opened.store.connections(), (1, 1));
}

#[tokio::test]
async fn a_transaction_with_an_interrupted_statement_is_rolled_back() {
    let opened = Opened::with(1, BRIEF).await;
    for _ in 0..3 {
        let registered = timeout(HANG, opened.register("slow")).await.unwrap();
        assert!(matches!(registered, Err(RegisterError::Store(StoreError::Unavailable(_)))), "{registered:?}");
        opened.add("quick").await.unwrap();
    }
    opened.execute("drop trigger slow_account").await;
    opened.register("slow").await.unwrap();
}

/// If the statements of dropped requests continued, an attacker could occupy all connections by sending requests and
/// disconnecting.
#[tokio::test]
async fn a_cancelled_request_leaves_no_statement_behind() {
    let opened = Opened::with(1, HOUR).await;
    for _ in 0..3 {
        opened.cancel(0, opened.add("slow")).await;
        opened.add("quick").await.unwrap();
    }
    assert_eq!(opened.count().await, 3);
}

#[tokio::test]
async fn a_cancelled_request_leaves_no_transaction_behind() {
    let opened = Opened::with(2, HOUR).await;
    for id in ["bob", "eve", "max"] {
        opened.cancel(0, opened.register("slow")).await;
        // Waits until the cancelled transaction has released the write lock.
        opened.register(id).await.unwrap();
    }
    opened.execute("drop trigger slow_account").await;
    opened.register("slow").await.unwrap();
}

#[tokio::test]
async fn a_migration_may_take_longer_than_a_statement_and_is_rolled_back_when_it_is_cancelled() {
    let opened = Opened::with(1, BRIEF).await;
    let dedicated = opened.store.dedicated().await.unwrap();
    dedicated.execute_unprepared("begin immediate; create table x (y integer)").await.unwrap();
    dedicated
        .execute_unprepared(
            "insert into x with recursive n(i) as (select 1 union all select i + 1 from n limit 2000000) select i from n",
        )
        .await
        .unwrap();
    drop(dedicated);
    opened.execute("begin immediate; create table x (y integer); commit").await;
}

#[tokio::test]
async fn a_request_waits_for_a_connection_for_at_most_the_acquire_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("pool.db").display());
    let config = StoreConfig { max_connections: 1, acquire_timeout: Duration::from_millis(500), ..config(&url) };
    let store = Store::open(&config).await.unwrap();
    let in_use = store.dedicated().await.unwrap();
    let refused = timeout(HANG, store.has_better_auth_users()).await.unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(in_use);
    assert!(!store.has_better_auth_users().await.unwrap());
}

/// While another process holds the write lock, at most one connection waits for it, and reads continue. Afterwards, all
/// writes succeed.
#[tokio::test]
async fn writers_that_wait_for_another_process_leave_connections_to_readers() {
    let opened = Opened::with(4, HOUR).await;
    let lock = opened.lock().await;
    let users = ["bob", "eve", "max"];
    let writes = async {
        tokio::join!(join_all((0..10).map(|_| opened.add("quick"))), join_all(users.map(|id| opened.register(id))))
    };
    let reads = async {
        for _ in 0..20 {
            assert_eq!(opened.count().await, 0);
        }
        drop(lock);
    };
    let ((added, registered), ()) = tokio::join!(writes, reads);
    added.into_iter().for_each(Result::unwrap);
    registered.into_iter().for_each(Result::unwrap);
    assert_eq!(opened.count().await, 10);
}

/// The client has been told that the request failed, so it may send it again.
#[tokio::test]
async fn a_write_that_is_cancelled_while_it_waits_for_another_process_is_not_executed_later() {
    let opened = Opened::with(1, HOUR).await;
    let lock = opened.lock().await;
    opened.cancel(0, opened.add("cancelled")).await;
    assert_eq!(opened.count().await, 0, "the connection can be used again");
    opened.cancel(0, opened.register("eve")).await;
    drop(lock);
    opened.register("eve").await.unwrap();
    opened.add("quick").await.unwrap();
    assert_eq!(opened.count().await, 1);
}

#[tokio::test]
async fn a_write_waits_for_another_process_for_at_most_the_acquire_timeout() {
    let opened = Opened::with_config(|config| StoreConfig { acquire_timeout: BRIEF, ..config }).await;
    let lock = opened.lock().await;
    for _ in 0..3 {
        let added = timeout(HANG, opened.add("quick")).await.unwrap();
        assert!(matches!(added, Err(CreateError::Store(StoreError::Unavailable(_)))), "{added:?}");
    }
    drop(lock);
    opened.add("quick").await.unwrap();
    assert_eq!(opened.count().await, 1);
}

/// SQLite deletes the files `-wal` and `-shm` when the last connection is closed.
#[tokio::test]
async fn closing_a_store_removes_wal_and_shm_and_rejects_later_requests() {
    let opened = Opened::with(4, HOUR).await;
    let files = || std::fs::read_dir(opened.folder.path()).unwrap().count();
    let (first, second) = (opened.store.dedicated().await.unwrap(), opened.store.dedicated().await.unwrap());
    opened.cancel(2, opened.add("slow")).await;
    drop(first);
    assert_eq!(files(), 3);
    let release = async {
        tokio::task::yield_now().await;
        drop(second);
    };
    timeout(HANG, async { tokio::join!(opened.store.close(), release) }).await.unwrap();
    assert_eq!(files(), 1);
    assert_eq!(opened.store.connections(), (0, 0));
    let refused = opened.add("late").await;
    assert!(matches!(refused, Err(CreateError::Store(StoreError::Unavailable(_)))), "{refused:?}");
    assert_eq!(files(), 1);
}
