//! Tests of the limit on the statements of one owner, for statements whose request is dropped.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use taskbridge_adapters::concurrency::{ConcurrencyLimitedRepo, StatementLimits, StatementPermits};
use taskbridge_adapters::database::{SeaTaskRepo, Store, StoreConfig};
use taskbridge_domain::ports::OwnedRepo;
use taskbridge_domain::tasks::TaskQuery;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner};
use taskbridge_migrations::Users;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::databases::{Backend, HANG, config, connections_in_use, migrate, test_on, wait_for_connections_in_use};

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
    if backend == Backend::Sqlite {
        // Those of `blocker` and of the insertion.
        return wait_for_connections_in_use(store, 2).await;
    }
    let locks = "select 1 from pg_locks where locktype = 'advisory' and not granted \
        and database = (select oid from pg_database where datname = current_database())";
    let locks = Statement::from_string(DbBackend::Postgres, locks);
    while blocker.query_one_raw(locks.clone()).await.unwrap().is_none() {
        yield_now().await;
    }
}

async fn a_dropped_statement_counts_until_the_database_has_ended_it(backend: Backend) {
    let (url, _folder) = backend.new_database().await;
    let config = StoreConfig { acquire_timeout: HANG, statement_timeout: HANG, ..config(&url) };
    let store = Store::open(&config).await.unwrap();
    migrate(&store, Users::Elsewhere).await;
    let limits = StatementLimits { max_per_owner: 1, max_searches: 1, wait: HANG };
    let repo = Arc::new(ConcurrencyLimitedRepo::new(SeaTaskRepo::new(store.clone()), StatementPermits::new(limits)));
    let (alice, bob, query) = (owner("alice").await, owner("bob").await, TaskQuery::default());

    // SQLite does not wait longer than a moment for the lock. If the machine is busy, the dropped insertion may end before
    // the test has seen that it counts.
    let mut has_counted = false;
    while !has_counted {
        let blocker = block_insertions(backend, &store).await;
        // Opens the connection that the insertion uses.
        repo.list(&alice, &query).await.unwrap();
        if backend == Backend::Sqlite {
            wait_for_connections_in_use(&store, 1).await;
        }
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
        match timeout(HANG, select(waiting, of_bob)).await.unwrap() {
            Either::Right(((), waiting)) => {
                has_counted = true;
                blocker.execute_unprepared("rollback").await.unwrap();
                timeout(HANG, waiting).await.unwrap().unwrap();
            }
            Either::Left(_) => assert!(
                backend == Backend::Sqlite && connections_in_use(&store) == 1,
                "two statements of one owner run at the same time"
            ),
        }
    }
    store.close().await;
}
