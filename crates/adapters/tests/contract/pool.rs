//! The connections of a store on PostgreSQL: whose they are, and what is prepared on them.

use std::pin::Pin;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use taskbridge_adapters::sea::{SeaIdentityRepo, SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::list::TaskQuery;
use taskbridge_domain::ports::{IdentityRepo, TaskRepo};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, user_id};
use taskbridge_migrations::Users;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::databases;

/// Two threads serve, with that many connections in all.
async fn of_two_threads(max_connections: u32) -> Store {
    let url = databases::fresh_url("TASKBRIDGE_TEST_POSTGRES").await;
    let config = StoreConfig { max_connections, threads: 2, ..databases::config(&url) };
    let store = Store::open(&config).await.unwrap();
    taskbridge_migrations::up(&store.connection(), Users::Here).await.unwrap();
    store
}

type Job = Box<dyn FnOnce(Store) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A thread that serves, with a runtime of its own.
struct Thread(mpsc::UnboundedSender<Job>);

impl Thread {
    async fn start(store: &Store) -> Self {
        let store = store.clone();
        let (jobs, mut given) = mpsc::unbounded_channel::<Job>();
        let (started, has_started) = oneshot::channel();
        thread::spawn(move || {
            store.claim_connections();
            started.send(()).unwrap();
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, async {
                while let Some(job) = given.recv().await {
                    tokio::task::spawn_local(job(store.clone()));
                }
            });
        });
        has_started.await.unwrap();
        Self(jobs)
    }

    /// Done when that is done.
    fn asks<F: Future<Output = ()> + 'static>(
        &self,
        job: impl FnOnce(Store) -> F + Send + 'static,
    ) -> oneshot::Receiver<()> {
        let (done, is_done) = oneshot::channel();
        let job = |store| -> Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async {
                job(store).await;
                done.send(()).unwrap();
            })
        };
        self.0.send(Box::new(job)).map_err(drop).unwrap();
        is_done
    }
}

async fn list(store: Store) {
    let alice = owner("alice").await;
    SeaTaskRepo::new(store).list(&alice, &TaskQuery::default()).await.unwrap();
}

async fn password(store: Store) {
    SeaIdentityRepo::new(store).password(&user_id("alice")).await.unwrap();
}

#[tokio::test]
async fn each_thread_that_serves_has_connections_of_its_own() {
    let store = of_two_threads(4).await;
    assert_eq!(store.connections(), (0, 0), "opening and migrating leave none");
    let (one, other) = (Thread::start(&store).await, Thread::start(&store).await);
    for (thread, connections) in [(&one, 1), (&other, 2), (&one, 2), (&other, 2)] {
        thread.asks(list).await.unwrap();
        assert_eq!(store.connections(), (connections, connections as usize));
    }
}

/// It would wake the thread that opened it with every answer.
#[tokio::test]
async fn a_connection_that_another_thread_left_is_replaced() {
    let store = of_two_threads(2).await;
    list(store.clone()).await;
    let admin = store.connection();
    let processes = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() \
        and query like '%\"tasks\"%'";
    admin.execute_unprepared(&format!("create table seen as {processes}")).await.unwrap();
    Thread::start(&store).await.asks(list).await.unwrap();
    assert_eq!(store.connections(), (1, 1));
    let now = format!("insert into seen {processes} and pid not in (select pid from seen)");
    assert_eq!(admin.execute_unprepared(&now).await.unwrap().rows_affected(), 1);
}

/// A lock that keeps all that read tasks waiting, on a connection beside those of the store.
async fn locked(store: &Store) -> DatabaseTransaction {
    let lock = store.connection().begin().await.unwrap();
    lock.execute_unprepared(r#"lock table "tasks" in access exclusive mode"#).await.unwrap();
    lock
}

async fn until_connections_are(store: &Store, connections: (u32, usize)) {
    let are_so = async {
        while store.connections() != connections {
            tokio::task::yield_now().await;
        }
    };
    let in_time = timeout(Duration::from_secs(10), are_so).await;
    assert!(in_time.is_ok(), "{:?} instead of {connections:?}", store.connections());
}

/// What does not want the lock that keeps the connections of one thread busy goes on, on those of the other.
#[tokio::test]
async fn a_thread_whose_connections_are_busy_uses_those_of_another() {
    let store = of_two_threads(3).await;
    let (one, other) = (Thread::start(&store).await, Thread::start(&store).await);
    let lock = locked(&store).await;
    let waiting = [one.asks(list), one.asks(list)];
    until_connections_are(&store, (2, 0)).await;
    lock.rollback().await.unwrap();
    join_all(waiting).await;

    let lock = locked(&store).await;
    let waiting = other.asks(list);
    until_connections_are(&store, (3, 2)).await;
    other.asks(password).await.unwrap();
    lock.rollback().await.unwrap();
    waiting.await.unwrap();
    assert_eq!(store.connections(), (3, 3));
}

/// Another program alters the table under the statements that are prepared: nobody notices, whether they read or write.
#[tokio::test]
async fn a_table_may_be_altered_while_we_use_it() {
    let [_, store] = databases::without_users().await;
    let (repo, alice) = (SeaTaskRepo::new(store.clone()), owner("alice").await);
    let mut expected = repo.insert(&alice, new_task(), moment()).await.unwrap();
    // The first one to find out is another each time.
    for (round, column) in ["varchar(500)", "text", "varchar(400)"].into_iter().enumerate() {
        repo.insert(&alice, new_task(), moment()).await.unwrap();
        expected = repo.toggle(&alice, expected.id, moment()).await.unwrap().unwrap();
        assert_eq!(repo.find(&alice, expected.id).await.unwrap().as_ref(), Some(&expected));
        let alter = format!(r#"alter table "tasks" alter column "title" type {column}"#);
        store.connection().execute_unprepared(&alter).await.unwrap();
        match round {
            0 => assert_eq!(repo.find(&alice, expected.id).await.unwrap().as_ref(), Some(&expected)),
            1 => expected = repo.toggle(&alice, expected.id, moment()).await.unwrap().unwrap(),
            _ => drop(repo.insert(&alice, new_task(), moment()).await.unwrap()),
        }
    }
}
