//! The contents of a store after a restart.

use std::ops::Deref;

use super::{create, later, titled};
use crate::ports::TaskRepo;
use crate::tasks::{Task, TaskFilter, TaskId, TaskQuery};
use crate::testing::fixtures::{moment, new_task, owner, patch_of_all_fields};

/// The tasks that a store must contain after a restart.
struct Saved {
    /// The tasks of alice, in the order of a list.
    alice: Vec<Task>,
    /// The only task of bob.
    bob: Task,
    /// The id of a deleted task of alice, which is the last that the store assigned.
    deleted: TaskId,
}

/// The store contains the same tasks after it has been closed and opened again.
pub async fn changes_survive_a_restart<S>(open: impl Future<Output = S>, reopen: impl AsyncFnOnce(S) -> S)
where
    S: Deref<Target: TaskRepo + Sized>,
{
    let subject = open.await;
    let saved = save(&*subject).await;
    assert_saved(&*reopen(subject).await, saved).await;
}

/// Creates, updates, toggles and deletes tasks.
async fn save(repo: &dyn TaskRepo) -> Saved {
    let alice = owner("alice").await;
    let bob = create(repo, "bob", titled("of bob"), moment()).await;
    let unchanged = create(repo, "alice", new_task(), later(1)).await;
    let toggled = create(repo, "alice", titled("toggled"), later(2)).await;
    let updated = create(repo, "alice", titled("updated"), later(3)).await;
    let deleted = create(repo, "alice", titled("deleted"), later(4)).await.id;
    let updated = repo.update(&alice, updated.id, patch_of_all_fields(), later(5)).await.unwrap().unwrap();
    let toggled = repo.toggle(&alice, toggled.id, later(6)).await.unwrap().unwrap();
    assert!(repo.delete(&alice, deleted).await.unwrap());
    Saved { alice: vec![updated, toggled, unchanged], bob, deleted }
}

/// Asserts that a store contains exactly what [`save`] left, and that it does not assign an id again.
async fn assert_saved(repo: &dyn TaskRepo, saved: Saved) {
    let Saved { alice, bob, deleted } = saved;
    for (user, tasks) in [("alice", alice), ("bob", vec![bob])] {
        let user = owner(user).await;
        assert_eq!(repo.list(&user, &TaskQuery::default()).await.unwrap().tasks, tasks);
        assert_eq!(repo.count(&user, &TaskFilter::default()).await.unwrap(), tasks.len() as u64);
        for task in tasks {
            assert_eq!(repo.find(&user, task.id).await.unwrap(), Some(task));
        }
    }
    assert_eq!(repo.find(&owner("alice").await, deleted).await.unwrap(), None);
    assert!(create(repo, "alice", new_task(), moment()).await.id > deleted);
}
