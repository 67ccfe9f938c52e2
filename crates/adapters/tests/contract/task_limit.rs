//! Tests of the maximum number of tasks of one owner.

use futures_util::future::join_all;
use taskbridge_adapters::database::{SeaIdentityRepo, SeaTaskRepo, Store};
use taskbridge_domain::ports::{CreateError, IdentityRepo, OwnedRepo, TaskRepo};
use taskbridge_domain::tasks::TaskFilter;
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};

use crate::databases::{Backend, test_on};

const MAX: u32 = 5;

test_on!(
    [Sqlite, Postgres, Pgbouncer, UndeclaredPgbouncer],
    [
        an_owner_with_the_maximum_number_of_tasks_may_add_one_only_after_deleting_one,
        concurrent_creations_at_several_processes_do_not_exceed_the_maximum,
        a_task_for_an_unknown_user_is_rejected_with_a_maximum,
    ]
);

/// Returns the repository of one process.
fn repo(store: &Store) -> SeaTaskRepo {
    SeaTaskRepo::new(store.clone()).requiring_known_owners().with_max_per_owner(MAX)
}

async fn register(store: &Store) {
    for user in ["alice", "bob"] {
        SeaIdentityRepo(store.clone()).register(&registration(user)).await.unwrap();
    }
}

async fn an_owner_with_the_maximum_number_of_tasks_may_add_one_only_after_deleting_one(backend: Backend) {
    let store = backend.store().await;
    register(&store).await;
    let (repo, alice, bob) = (repo(&store), owner("alice").await, owner("bob").await);
    let mut last = None;
    for _ in 0..MAX {
        last = Some(repo.create(&alice, new_task(), moment()).await.unwrap());
    }
    for _ in 0..2 {
        let refused = repo.create(&alice, new_task(), moment()).await;
        assert!(matches!(refused, Err(CreateError::LimitReached(_))), "{refused:?}");
    }
    let of_bob = repo.create(&bob, new_task(), moment()).await.unwrap();
    assert_eq!(repo.find(&bob, of_bob.id).await.unwrap(), Some(of_bob));
    assert!(repo.delete(&alice, last.unwrap().id).await.unwrap());
    let created = repo.create(&alice, new_task(), moment()).await.unwrap();
    assert_eq!(repo.find(&alice, created.id).await.unwrap(), Some(created));
    assert_eq!(repo.count(&alice, &TaskFilter::default()).await.unwrap(), u64::from(MAX));
}

async fn concurrent_creations_at_several_processes_do_not_exceed_the_maximum(backend: Backend) {
    let (url, _folder) = backend.new_database().await;
    let mut repos = Vec::new();
    for process in 0..3 {
        let store = Store::open(&crate::databases::config(&url)).await.unwrap();
        if process == 0 {
            crate::databases::migrate(&store, taskbridge_migrations::Users::Here).await;
            register(&store).await;
        }
        repos.push(repo(&store));
    }
    let alice = owner("alice").await;
    let creations = (0..12).flat_map(|_| &repos).map(|repo| repo.create(&alice, new_task(), moment()));
    let mut created = 0;
    for result in join_all(creations).await {
        match result {
            Ok(_) => created += 1,
            Err(error) => assert!(matches!(error, CreateError::LimitReached(_)), "{error:?}"),
        }
    }
    assert_eq!(created, MAX);
    assert_eq!(repos[0].count(&alice, &TaskFilter::default()).await.unwrap(), u64::from(MAX));
}

async fn a_task_for_an_unknown_user_is_rejected_with_a_maximum(backend: Backend) {
    let store = backend.store().await;
    register(&store).await;
    let (repo, nobody) = (repo(&store), owner("nobody").await);
    for _ in 0..=MAX {
        let rejected = repo.create(&nobody, new_task(), moment()).await;
        assert!(matches!(rejected, Err(CreateError::UnknownOwner)), "{rejected:?}");
    }
    assert!(repo.create(&owner("alice").await, new_task(), moment()).await.is_ok());
}
