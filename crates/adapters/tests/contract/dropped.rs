//! Tests of the limit on the statements of one owner, for statements whose request is dropped.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use taskbridge_adapters::database::{SeaTaskRepo, Store, StoreConfig};
use taskbridge_adapters::task_concurrency::{ConcurrencyLimitedTaskRepo, TaskConcurrency};
use taskbridge_domain::ports::TaskRepo;
use taskbridge_domain::tasks::TaskQuery;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner};
use taskbridge_migrations::Users;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::databases::{Backend, config, migrate, test_on};

/// Time after which a test fails rather than hangs.
const HANG: Duration = Duration::from_mins(1);

test_on!([Sqlite, Postgres], [a_dropped_statement_counts_until_the_database_has_ended_it]);

/// A trigger that keeps the insertion of a task waiting for a lock, also after the insertion was cancelled.
const WAIT_IN_SPITE_OF_CANCELLATION: &str = "
    create function wait_for_lock() returns trigger language plpgsql as $$ begin
        begin
            perform pg_advisory_xact_lock(1);
        exception when query_canceled then
            perform pg_advisory_xact_lock(1);
        end;
        return new;
    end $$;
    create trigger wait_for_lock before insert on tasks for each row execute function wait_for_lock()";

/// Keeps insertions of tasks waiting until the returned connection executes `rollback`. Cancelling them does not end
/// them: SQLite does not interrupt a statement that waits for the write lock.
async fn block_insertions(backend: Backend, store: &Store) -> DatabaseConnection {
    let blocker = store.dedicated().await.unwrap();
    let lock = if backend == Backend::Sqlite {
        "begin immediate"
    } else {
        store.dedicated().await.unwrap().execute_unprepared(WAIT_IN_SPITE_OF_CANCELLATION).await.unwrap();
        "begin; select pg_advisory_xact_lock(1)"
    };
    blocker.execute_unprepared(lock).await.unwrap();
    blocker
}

/// Waits until an insertion waits for the lock that `blocker` holds.
async fn until_waiting(backend: Backend, store: &Store, blocker: &DatabaseConnection) {
    let locks = "select 1 from pg_locks where locktype = 'advisory' and not granted \
        and database = (select oid from pg_database where datname = current_database())";
    loop {
        let is_waiting = match backend {
            Backend::Sqlite => store.connections() == (2, 0),
            _ => blocker
                .query_one_raw(sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, locks))
                .await
                .unwrap()
                .is_some(),
        };
        if is_waiting {
            return;
        }
        yield_now().await;
    }
}

async fn a_dropped_statement_counts_until_the_database_has_ended_it(backend: Backend) {
    let (url, _folder) = backend.new_database().await;
    let config = StoreConfig { acquire_timeout: HANG, statement_timeout: HANG, ..config(&url) };
    let store = Store::open(&config).await.unwrap();
    migrate(&store, Users::Elsewhere).await;
    let limits = TaskConcurrency { max_per_owner: 1, max_searches: 1, wait: HANG };
    let repo = Arc::new(ConcurrencyLimitedTaskRepo::new(SeaTaskRepo::new(store.clone()), limits));
    let (alice, bob, query) = (owner("alice").await, owner("bob").await, TaskQuery::default());

    let blocker = block_insertions(backend, &store).await;
    // Opens the connection that the insertion uses.
    repo.list(&alice, &query).await.unwrap();
    let insertion = tokio::spawn({
        let repo = Arc::clone(&repo);
        async move { repo.create(&owner("alice").await, new_task(), moment()).await }
    });
    timeout(HANG, until_waiting(backend, &store, &blocker)).await.unwrap();
    insertion.abort();
    assert!(insertion.await.unwrap_err().is_cancelled());

    let waiting = pin!(repo.list(&alice, &query));
    let of_bob = pin!(async {
        for _ in 0..3 {
            repo.list(&bob, &query).await.unwrap();
        }
    });
    let Either::Right(((), waiting)) = timeout(HANG, select(waiting, of_bob)).await.unwrap() else {
        panic!("two statements of one owner run at the same time");
    };
    blocker.execute_unprepared("rollback").await.unwrap();
    timeout(HANG, waiting).await.unwrap().unwrap();
    drop(blocker);
    store.close().await;
}
