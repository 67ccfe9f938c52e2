//! The contract of [`TaskRepo`]. A store that also contains the users must contain `alice` and `bob`, but not `nobody`.

mod durability;
mod lists;

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::TaskRepo;
use crate::tasks::{Description, FieldUpdate, NewTask, Task, TaskId, TaskPage, TaskPatch, TaskQuery, Title};
use crate::testing::fixtures::{moment, new_task, owner, patch_of_all_fields, user_id};
use crate::time::Timestamp;

pub use self::durability::changes_survive_a_restart;
pub use self::lists::{
    a_cursor_stays_valid_when_tasks_before_it_change, a_list_contains_the_tasks_that_match_the_filter,
    a_list_is_sorted_by_every_key_and_direction, a_new_owner_has_no_tasks, the_list_is_newest_first_with_ties_by_id,
    the_pages_of_a_list_add_up_to_the_list, the_pages_of_long_titles_add_up_to_the_list,
    titles_are_sorted_by_their_first_characters,
};

/// The tests of a [`TaskRepo`]; see [`contract`](crate::testing::contract).
///
/// `$reopen` is an asynchronous closure. Its argument is what `$open` returned. It closes the store, opens it again, as a
/// restart of the server does, and returns the new adapter.
#[macro_export]
macro_rules! task_repo_contract {
    ($open:expr, $reopen:expr $(,)?) => {
        #[tokio::test]
        async fn changes_survive_a_restart() {
            $crate::testing::contract::tasks::changes_survive_a_restart($open, $reopen).await;
        }

        $crate::contract_tests!(
            tasks,
            $open,
            [
                a_created_task_is_stored_as_given,
                hostile_texts_are_stored_byte_for_byte,
                a_new_owner_has_no_tasks,
                the_list_is_newest_first_with_ties_by_id,
                a_list_is_sorted_by_every_key_and_direction,
                titles_are_sorted_by_their_first_characters,
                a_list_contains_the_tasks_that_match_the_filter,
                the_pages_of_a_list_add_up_to_the_list,
                the_pages_of_long_titles_add_up_to_the_list,
                a_cursor_stays_valid_when_tasks_before_it_change,
                reading_changes_nothing,
                an_update_changes_only_the_given_fields,
                updated_at_advances_even_if_the_clock_does_not,
                toggling_inverts_completed,
                each_of_many_concurrent_toggles_takes_effect,
                a_deleted_task_is_gone,
                of_concurrent_deletions_one_succeeds,
                ids_are_never_reused,
                an_id_that_was_never_assigned_finds_nothing,
                reading_a_task_of_another_owner_finds_nothing,
                writing_a_task_of_another_owner_changes_nothing,
            ]
        );
    };
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
    page(repo, query).await.tasks
}

fn titles(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.title.as_str()).collect()
}

async fn stored(repo: &dyn TaskRepo, task: &Task) -> Option<Task> {
    repo.find(&owner(task.owner.as_str()).await, task.id).await.unwrap()
}

/// All fields are returned as given, by `create`, `find` and `list`.
pub async fn a_created_task_is_stored_as_given(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    for (index, description) in [new_task().description, None].into_iter().enumerate() {
        let given = NewTask { description, completed: index == 0, ..new_task() };
        let created = create(repo, "alice", given.clone(), moment()).await;
        let expected = Task::new(created.id, user_id("alice"), given, moment());
        assert_eq!(created, expected);
        assert_eq!(repo.find(&alice, created.id).await.unwrap(), Some(expected.clone()));
        assert!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks.contains(&expected));
    }
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

/// Reading the tasks a second time returns the same tasks as the first time.
pub async fn reading_changes_nothing(repo: &dyn TaskRepo) {
    let created = create(repo, "alice", new_task(), moment()).await;
    let alice = owner("alice").await;
    for _ in 0..2 {
        assert_eq!(stored(repo, &created).await, Some(created.clone()));
        assert_eq!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks, std::slice::from_ref(&created));
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

/// Every change increases `updated_at`, even if the clock stands still or goes back.
pub async fn updated_at_advances_even_if_the_clock_does_not(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), later(10)).await;
    let patch = || TaskPatch { completed: Some(true), ..TaskPatch::default() };
    let updated = repo.update(&alice, created.id, patch(), later(10)).await.unwrap().unwrap();
    assert_eq!(updated.updated_at, later(11));
    let toggled = repo.toggle(&alice, created.id, later(0)).await.unwrap().unwrap();
    assert_eq!(toggled.updated_at, later(12));
    let updated = repo.update(&alice, created.id, patch(), later(1000)).await.unwrap().unwrap();
    assert_eq!(updated.updated_at, later(1000));
    assert_eq!(updated.created_at, later(10));
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

/// A deleted task cannot be found, changed or deleted again. Another task of the owner remains.
pub async fn a_deleted_task_is_gone(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let other_task = create(repo, "alice", new_task(), moment()).await;
    let created = create(repo, "alice", new_task(), moment()).await;
    assert!(repo.delete(&alice, created.id).await.unwrap());
    assert!(!repo.delete(&alice, created.id).await.unwrap());
    assert_eq!(stored(repo, &created).await, None);
    assert_eq!(repo.toggle(&alice, created.id, moment()).await.unwrap(), None);
    assert_eq!(repo.update(&alice, created.id, TaskPatch::default(), moment()).await.unwrap(), None);
    assert_eq!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks, [other_task]);
}

/// Of ten concurrent calls that delete the same task, exactly one returns `true`.
pub async fn of_concurrent_deletions_one_succeeds(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let created = create(repo, "alice", new_task(), moment()).await;
    let deletions = join_all((0..10).map(|_| repo.delete(&alice, created.id))).await;
    assert_eq!(deletions.into_iter().filter(|deleted| *deleted.as_ref().unwrap()).count(), 1);
}

/// A new task never gets the id of a deleted one, so that an old link never leads to a different task.
pub async fn ids_are_never_reused(repo: &dyn TaskRepo) {
    let first = create(repo, "alice", new_task(), moment()).await;
    assert!(repo.delete(&owner("alice").await, first.id).await.unwrap());
    let second = create(repo, "alice", new_task(), moment()).await;
    let third = create(repo, "bob", new_task(), moment()).await;
    assert!(first.id < second.id && second.id < third.id);
}

/// An id that no task has finds nothing and causes no error, even if it is the smallest or the largest integer.
pub async fn an_id_that_was_never_assigned_finds_nothing(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    for number in [0, -1, i64::MAX, i64::MIN, 1 << 31] {
        let id = TaskId::new(number);
        assert_eq!(repo.find(&alice, id).await.unwrap(), None);
        assert_eq!(repo.update(&alice, id, TaskPatch::default(), moment()).await.unwrap(), None);
        assert_eq!(repo.toggle(&alice, id, moment()).await.unwrap(), None);
        assert!(!repo.delete(&alice, id).await.unwrap());
    }
}

/// The other owners include some whose ids differ from `alice` only in case or by a space, and some whose ids are SQL
/// wildcards.
pub async fn reading_a_task_of_another_owner_finds_nothing(repo: &dyn TaskRepo) {
    let created = create(repo, "alice", new_task(), moment()).await;
    for other_owner in ["bob", "nobody", "Alice", "alice ", "%", "_____"] {
        let other_owner = owner(other_owner).await;
        assert_eq!(repo.find(&other_owner, created.id).await.unwrap(), None);
        assert_eq!(repo.list(&other_owner, &TaskQuery::default()).await.unwrap().tasks, []);
    }
}

/// Changing or deleting a task of another owner has the same result as if the task did not exist.
pub async fn writing_a_task_of_another_owner_changes_nothing(repo: &dyn TaskRepo) {
    let created = create(repo, "alice", new_task(), moment()).await;
    for other_owner in ["bob", "nobody"] {
        let other_owner = owner(other_owner).await;
        assert_eq!(repo.update(&other_owner, created.id, patch_of_all_fields(), later(1)).await.unwrap(), None);
        assert_eq!(repo.toggle(&other_owner, created.id, later(1)).await.unwrap(), None);
        assert!(!repo.delete(&other_owner, created.id).await.unwrap());
    }
    assert_eq!(stored(repo, &created).await, Some(created));
}
