//! The contract of [`TaskRepo`]. A store that also contains the users must contain `alice` and `bob`, but not `nobody`.

mod lists;

use std::ops::Deref;
use std::time::Duration;

use futures_util::future::join_all;

use super::owned::Sample;
use crate::ports::TaskRepo;
use crate::tasks::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPage, TaskPatch, TaskQuery, Title};
use crate::testing::fixtures::{moment, new_task, owner, patch_of_all_fields, user_id};
use crate::time::Timestamp;

pub use self::lists::{
    a_list_contains_the_tasks_that_match_the_filter, a_list_is_sorted_by_every_key_and_direction,
    each_condition_of_a_filter_counts, the_pages_of_every_list_add_up_to_the_list,
    the_pages_of_long_titles_add_up_to_the_list, titles_are_sorted_by_their_first_characters,
};

/// The tests of a [`TaskRepo`]; see [`contract`](crate::testing::contract). They include those of every
/// [`OwnedRepo`](crate::ports::OwnedRepo); see [`owned_repo_contract`](crate::owned_repo_contract).
#[macro_export]
macro_rules! task_repo_contract {
    ($open:expr, $reopen:expr $(,)?) => {
        $crate::owned_repo_contract!($crate::tasks::Task, $open, $reopen);

        #[tokio::test]
        async fn a_toggle_survives_a_restart() {
            $crate::testing::contract::tasks::a_toggle_survives_a_restart($open, $reopen).await;
        }

        $crate::contract_tests!(
            tasks,
            $open,
            [
                a_task_may_lack_a_description,
                hostile_texts_are_stored_byte_for_byte,
                a_list_is_sorted_by_every_key_and_direction,
                titles_are_sorted_by_their_first_characters,
                a_list_contains_the_tasks_that_match_the_filter,
                each_condition_of_a_filter_counts,
                the_pages_of_every_list_add_up_to_the_list,
                the_pages_of_long_titles_add_up_to_the_list,
                an_update_changes_only_the_given_fields,
                toggling_inverts_completed,
                a_toggle_advances_updated_at,
                each_of_many_concurrent_toggles_takes_effect,
                only_the_owner_toggles_a_task,
            ]
        );
    };
}

impl Sample for Task {
    fn sample() -> NewTask {
        new_task()
    }

    fn sample_patch() -> TaskPatch {
        patch_of_all_fields()
    }
}

fn later(milliseconds: u64) -> Timestamp {
    moment().after(Duration::from_millis(milliseconds))
}

fn titled(title: &str) -> NewTask {
    NewTask { title: Title::parse(title).unwrap(), ..new_task() }
}

async fn create(repo: &dyn TaskRepo, owner_name: &str, task: NewTask, now: Timestamp) -> Task {
    repo.create(&owner(owner_name).await, task, now).await.unwrap()
}

async fn page(repo: &dyn TaskRepo, query: &TaskQuery) -> TaskPage {
    repo.list(&owner("alice").await, query).await.unwrap()
}

async fn all(repo: &dyn TaskRepo, query: &TaskQuery) -> Vec<Task> {
    page(repo, query).await.items
}

fn titles(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.title.as_str()).collect()
}

async fn stored(repo: &dyn TaskRepo, task: &Task) -> Option<Task> {
    repo.find(&owner(task.owner.as_str()).await, task.id).await.unwrap()
}

/// A task without a description, which is not done, is returned as given by `create`, `find` and `list`.
pub async fn a_task_may_lack_a_description(repo: &dyn TaskRepo) {
    let given = NewTask { description: None, completed: false, ..new_task() };
    let created = create(repo, "alice", given.clone(), moment()).await;
    assert_eq!(created, Task::new(created.id, user_id("alice"), given, moment()));
    assert_eq!(stored(repo, &created).await.as_ref(), Some(&created));
    assert_eq!(all(repo, &TaskQuery::default()).await, [created]);
}

/// The texts contain SQL, templates, control characters, bidirectional text, and composed and decomposed letters.
pub async fn hostile_texts_are_stored_byte_for_byte(repo: &dyn TaskRepo) {
    for text in [
        "'; DROP TABLE tasks; --",
        "\" OR \"\"=\"",
        "$1 ? :x %s {{7*7}} ${x}",
        "\\ \\x00 \\0 \\u0000",
        "👩‍👩‍👧‍👦 \u{10ffff}",
        "\u{202e}rtl\u{202c} e\u{301} é \u{feff}x",
        "<script>alert(1)</script>",
        "a\r\nb\tc\u{7f}\u{1}",
    ] {
        let task = NewTask { description: Some(Description::parse(text).unwrap()), ..titled(text) };
        let created = create(repo, "alice", task, moment()).await;
        assert_eq!(created.title.as_str(), text);
        assert_eq!(created.description.as_ref().unwrap().as_str(), text);
        assert_eq!(stored(repo, &created).await, Some(created));
    }
}

/// Each field is updated alone, then all of them together. Another task of the owner does not change.
pub async fn an_update_changes_only_the_given_fields(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let other_task = create(repo, "alice", new_task(), moment()).await;
    let mut expected = create(repo, "alice", new_task(), moment()).await;
    let TaskPatch { title, description, completed, .. } = patch_of_all_fields();
    let patches = [
        TaskPatch { title, ..TaskPatch::default() },
        TaskPatch { completed, ..TaskPatch::default() },
        TaskPatch { description: FieldUpdate::Clear, ..TaskPatch::default() },
        TaskPatch { description, ..TaskPatch::default() },
        TaskPatch {
            title: Some(new_task().title),
            description: FieldUpdate::Clear,
            completed: Some(true),
            ..patch_of_all_fields()
        },
        patch_of_all_fields(),
    ];
    for (patch, at) in patches.into_iter().zip((1..).map(later)) {
        patch.clone().apply(&mut expected);
        expected.updated_at = at;
        let updated = repo.update(&alice, expected.id, patch, at).await.unwrap();
        assert_eq!(updated.as_ref(), Some(&expected));
        assert_eq!(stored(repo, &expected).await, updated);
    }
    assert_eq!(stored(repo, &other_task).await, Some(other_task));
}

/// Toggling twice restores the value. Apart from `completed`, only `updated_at` changes.
pub async fn toggling_inverts_completed(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), moment()).await;
    for (at, completed) in [(later(1), !created.completed), (later(2), created.completed)] {
        let toggled = repo.toggle(&alice, created.id, at).await.unwrap();
        assert_eq!(toggled, Some(Task { completed, updated_at: at, ..created.clone() }));
        assert_eq!(stored(repo, &created).await, toggled);
    }
}

/// `updated_at` becomes later even if the clock stands still or goes back.
pub async fn a_toggle_advances_updated_at(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), later(10)).await;
    for (now, expected) in [(later(10), later(11)), (later(0), later(12)), (later(1000), later(1000))] {
        let toggled = repo.toggle(&alice, created.id, now).await.unwrap().unwrap();
        assert_eq!((toggled.created_at, toggled.updated_at), (later(10), expected));
    }
}

/// The store contains the toggled task after it has been closed and opened again.
pub async fn a_toggle_survives_a_restart<S>(open: impl Future<Output = S>, reopen: impl AsyncFn(S) -> S)
where
    S: Deref<Target: TaskRepo + Sized>,
{
    let subject = open.await;
    let created = create(&*subject, "alice", new_task(), moment()).await;
    let toggled = subject.toggle(&owner("alice").await, created.id, later(1)).await.unwrap();
    let subject = reopen(subject).await;
    assert_eq!(stored(&*subject, &created).await, toggled);
}

/// The number of toggles is odd, so they invert `completed` if each of them takes effect.
pub async fn each_of_many_concurrent_toggles_takes_effect(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), moment()).await;
    let toggles = join_all((0..21).map(|_| repo.toggle(&alice, created.id, moment()))).await;
    assert!(toggles.iter().all(|toggled| matches!(toggled, Ok(Some(_)))));
    let after = stored(repo, &created).await.unwrap();
    assert_eq!(after.completed, !created.completed);
    assert_eq!(after.updated_at, later(21));
}

/// Toggling a task of another owner, a deleted task, or an id that was never assigned changes nothing.
pub async fn only_the_owner_toggles_a_task(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), moment()).await;
    for other in ["bob", "nobody"] {
        assert_eq!(repo.toggle(&owner(other).await, created.id, later(1)).await.unwrap(), None);
    }
    assert_eq!(stored(repo, &created).await, Some(created.clone()));
    assert!(repo.delete(&alice, created.id).await.unwrap());
    for id in [created.id, TaskId::new(i64::MAX), TaskId::new(-1)] {
        assert_eq!(repo.toggle(&alice, id, later(1)).await.unwrap(), None);
    }
}
