//! Tests of connections to PostgreSQL that several reads use at the same time.

use std::collections::BTreeSet;
use std::thread::available_parallelism;

use futures_util::future::{join, join_all, poll_immediate};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use taskbridge_adapters::database::{SeaIdentityRepo, SeaSessionRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::Owner;
use taskbridge_domain::ports::{IdentityRepo, OwnedRepo, SessionRepo};
use taskbridge_domain::sessions::SessionToken;
use taskbridge_domain::tasks::Task;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};
use taskbridge_migrations::Users;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::databases::{Backend, HANG, config, migrate, test_on};

/// Number of reads at the same time.
const READS: usize = 20;

test_on!(
    [Postgres],
    [
        reads_at_the_same_time_share_a_connection,
        connections_are_not_shared_if_the_setting_is_off,
        reads_behind_slow_ones_do_not_wait_for_them,
        dropped_reads_leave_the_connection_as_it_is,
        reads_on_a_connection_that_breaks_are_repeated,
    ]
);

/// A store, and a task and a session in it.
struct Fixture {
    config: StoreConfig,
    store: Store,
    owner: Owner,
    task: Task,
    token: SessionToken,
}

impl Fixture {
    async fn new(postgres: Backend) -> Self {
        let (url, _) = postgres.new_database().await;
        // Enough connections for each thread to share one. No statement reaches its timeout before the test fails.
        let cores = u32::try_from(available_parallelism().unwrap().get()).unwrap();
        let config = StoreConfig {
            max_connections: 16 * cores,
            statement_timeout: 2 * HANG,
            share_connections: true,
            ..config(&url)
        };
        let store = Store::open(&config).await.unwrap();
        migrate(&store, Users::Here).await;
        let registration = registration("alice");
        SeaIdentityRepo(store.clone()).register(&registration).await.unwrap();
        let owner = owner("alice").await;
        let task = SeaTaskRepo::new(store.clone()).create(&owner, new_task(), moment()).await.unwrap();
        Self { config, store, owner, task, token: registration.session.unwrap().token }
    }

    /// Opens the same database anew, without any connection in the pool.
    async fn reopened(self) -> Self {
        self.store.close().await;
        Self { store: Store::open(&self.config).await.unwrap(), ..self }
    }

    /// Reads the task many times at once.
    async fn read(&self) {
        let repo = SeaTaskRepo::new(self.store.clone());
        for found in join_all((0..READS).map(|_| repo.find(&self.owner, self.task.id))).await {
            assert_eq!(found.unwrap().as_ref(), Some(&self.task));
        }
    }

    /// Reads one task at a time until a connection is shared: it is in use although nothing is read.
    async fn until_shared(&self) {
        let repo = SeaTaskRepo::new(self.store.clone());
        while self.store.connections().0 == self.store.connections().1 {
            repo.find(&self.owner, self.task.id).await.unwrap();
            yield_now().await;
        }
        // A connection is tested with a few round trips before it is shared.
        for _ in 0..READS {
            repo.find(&self.owner, self.task.id).await.unwrap();
        }
    }
}

/// Counts the other sessions of this database that meet an SQL condition.
async fn sessions(observer: &DatabaseConnection, condition: &str) -> usize {
    let sql = format!(
        "select count(*) from pg_stat_activity \
         where datname = current_database() and pid <> pg_backend_pid() and {condition}"
    );
    let counted = observer.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap().unwrap();
    usize::try_from(counted.try_get_by_index::<i64>(0).unwrap()).unwrap()
}

/// Returns the process numbers of the other sessions of this database.
async fn pids(observer: &DatabaseConnection) -> BTreeSet<i32> {
    let sql = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    let rows = observer.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await.unwrap();
    rows.iter().map(|row| i32::try_from(row.try_get_by_index::<i64>(0).unwrap()).unwrap()).collect()
}

/// An SQL condition: the session waits for a lock.
const WAITS: &str = "wait_event_type = 'Lock'";

async fn reads_at_the_same_time_share_a_connection(postgres: Backend) {
    let mut fixture = Fixture::new(postgres).await;
    let shared = async {
        loop {
            fixture = fixture.reopened().await;
            fixture.until_shared().await;
            let before = fixture.store.connections();
            fixture.read().await;
            // If the machine is busy, the reads may leave the connection and open others.
            if fixture.store.connections() == before {
                return;
            }
        }
    };
    timeout(HANG, shared).await.unwrap();
}

async fn connections_are_not_shared_if_the_setting_is_off(postgres: Backend) {
    let fixture = Fixture::new(postgres).await;
    let config = StoreConfig { share_connections: false, ..fixture.config.clone() };
    let fixture = Fixture { config, ..fixture }.reopened().await;
    for _ in 0..10 {
        fixture.read().await;
        let (open, idle) = fixture.store.connections();
        assert_eq!(open, idle);
    }
}

/// While reads wait for a lock, the reads behind them on the same connection are executed on others. Their connection is
/// closed, so that the slow statements do not occupy it in addition. No other connection is closed.
async fn reads_behind_slow_ones_do_not_wait_for_them(postgres: Backend) {
    let fixture = Fixture::new(postgres).await.reopened().await;
    let (lock, observer) = (fixture.store.dedicated().await.unwrap(), fixture.store.dedicated().await.unwrap());
    let test = async {
        fixture.until_shared().await;
        let before = pids(&observer).await;
        lock.execute_unprepared("begin; lock table \"session\" in access exclusive mode").await.unwrap();
        let find = || {
            let (store, token) = (fixture.store.clone(), fixture.token.clone());
            tokio::spawn(async move { SeaSessionRepo(store).find(&token).await.unwrap() })
        };
        let slow: Vec<_> = (0..5).map(|_| find()).collect();
        while sessions(&observer, WAITS).await == 0 {
            yield_now().await;
        }
        fixture.read().await;
        // The reads have left the shared connection, and each waits on another one.
        while sessions(&observer, WAITS).await != slow.len() {
            yield_now().await;
        }
        fixture.read().await;
        lock.execute_unprepared("rollback").await.unwrap();
        for read in slow {
            assert!(read.await.unwrap().is_some());
        }
        let after = pids(&observer).await;
        assert!(before.difference(&after).count() <= 1, "{before:?} {after:?}");
    };
    timeout(HANG, test).await.unwrap();
}

/// The statements of dropped requests are not cancelled on a shared connection, and do not close it.
async fn dropped_reads_leave_the_connection_as_it_is(postgres: Backend) {
    let mut fixture = Fixture::new(postgres).await;
    let observer = fixture.store.dedicated().await.unwrap();
    let test = async {
        loop {
            fixture = fixture.reopened().await;
            fixture.until_shared().await;
            let before = (pids(&observer).await, fixture.store.connections());
            let repo = SeaTaskRepo::new(fixture.store.clone());
            for _ in 0..READS {
                let mut read = repo.find(&fixture.owner, fixture.task.id);
                assert!(poll_immediate(&mut read).await.is_none());
            }
            fixture.read().await;
            // If the machine is busy, the reads may leave the connection and open others.
            if (pids(&observer).await, fixture.store.connections()) == before {
                return;
            }
        }
    };
    timeout(HANG, test).await.unwrap();
}

async fn reads_on_a_connection_that_breaks_are_repeated(postgres: Backend) {
    let mut fixture = Fixture::new(postgres).await;
    let admin = fixture.store.dedicated().await.unwrap();
    let end_all = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
    let test = async {
        for _ in 0..10 {
            fixture = fixture.reopened().await;
            fixture.until_shared().await;
            join(fixture.read(), async { admin.execute_unprepared(end_all).await.unwrap() }).await;
            fixture.read().await;
        }
    };
    timeout(HANG, test).await.unwrap();
}
