//! The contract of [`TaskRepo`]. A store that also contains the users must contain `alice` and `bob`, but not `nobody`.

use std::time::Duration;

use futures_util::future::join_all;

use crate::ports::TaskRepo;
use crate::tasks::{
    Cursor, Description, FieldUpdate, NewTask, PageSize, PageStart, SearchText, SortDirection, SortKey, Task,
    TaskFilter, TaskId, TaskOrder, TaskPage, TaskPatch, TaskQuery, Title,
};
use crate::testing::fixtures::{moment, new_task, owner, user_id};
use crate::time::Timestamp;

/// The tests of a [`TaskRepo`]; see [`contract`](crate::testing::contract).
#[macro_export]
macro_rules! task_repo_contract {
    ($subject:expr) => {
        $crate::contract_tests!(
            tasks,
            $subject,
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
        let NewTask { title, description, completed } = given;
        let expected = Task {
            id: created.id,
            owner: user_id("alice"),
            title,
            description,
            completed,
            created_at: moment(),
            updated_at: moment(),
        };
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

/// Listing the tasks of an owner who has none returns an empty list, not an error.
pub async fn a_new_owner_has_no_tasks(repo: &dyn TaskRepo) {
    create(repo, "alice", new_task(), moment()).await;
    assert_eq!(repo.list(&owner("bob").await, &TaskQuery::default()).await.unwrap().tasks, []);
}

/// The order is that of `created_at`, not of the ids. Of two tasks that were created in the same millisecond, the one
/// with the higher id is first.
pub async fn the_list_is_newest_first_with_ties_by_id(repo: &dyn TaskRepo) {
    for (title, at) in [("second", later(1)), ("oldest", later(0)), ("tie a", later(2)), ("tie b", later(2))] {
        create(repo, "alice", titled(title), at).await;
    }
    assert_eq!(titles(&all(repo, &TaskQuery::default()).await), ["tie b", "tie a", "second", "oldest"]);
}

/// Titles are sorted by code point, not by the rules of a language. Upper case precedes lower case.
pub async fn a_list_is_sorted_by_every_key_and_direction(repo: &dyn TaskRepo) {
    for (title, at) in
        [("b", later(1)), ("a", later(0)), ("B", later(2)), ("ä", later(3)), ("a", later(4)), ("-", later(5))]
    {
        create(repo, "alice", titled(title), at).await;
    }
    let first = all(repo, &TaskQuery::default()).await.pop().unwrap();
    repo.toggle(&owner("alice").await, first.id, later(9)).await.unwrap();
    for (key, ascending) in [
        (SortKey::CreatedAt, ["a", "b", "B", "ä", "a", "-"]),
        (SortKey::UpdatedAt, ["b", "B", "ä", "a", "-", "a"]),
        (SortKey::Title, ["-", "B", "a", "a", "b", "ä"]),
    ] {
        let mut ids = Vec::new();
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let start = PageStart::Offset(TaskOrder { key, direction }, 0);
            let mut list = all(repo, &TaskQuery { start, ..TaskQuery::default() }).await;
            if direction == SortDirection::Descending {
                list.reverse();
            }
            assert_eq!(titles(&list), ascending, "{key:?} {direction:?}");
            ids.push(list.iter().map(|task| task.id).collect::<Vec<_>>());
        }
        assert_eq!(ids[0], ids[1], "equal values are sorted by id, in the same direction");
    }
}

/// In a search text, `%`, `_` and `\` are not special. Case is ignored only for the letters A to Z.
pub async fn a_list_contains_the_tasks_that_match_the_filter(repo: &dyn TaskRepo) {
    let texts =
        ["Buy MILK", "100% of it", "snake_case", "back\\slash", "ÄRGER ärger", "İstanbul", "'; drop table", "x"];
    for (index, text) in texts.into_iter().enumerate() {
        let description = (index % 2 == 0)
            .then(|| Description::parse(format!("More about {}", texts[(index + 4) % texts.len()])).unwrap());
        create(repo, "alice", NewTask { description, completed: index % 3 == 0, ..titled(text) }, later(index as u64))
            .await;
    }
    create(repo, "bob", titled("milk of bob"), moment()).await;
    let everything = all(repo, &TaskQuery::default()).await;
    let searches = [
        "",
        "milk",
        "MiLk",
        "%",
        "_",
        "\\",
        "0%",
        "k%b",
        "n_e",
        "ärger",
        "Ärger",
        "ÄRGER",
        "i\u{307}",
        "'",
        "more ABOUT x",
        "nowhere",
    ];
    for completed in [None, Some(true), Some(false)] {
        for search in searches.map(Some).into_iter().chain([None]) {
            let filter = TaskFilter { completed, search: search.map(|text| SearchText::parse(text).unwrap()) };
            let expected: Vec<_> = everything.iter().filter(|task| filter.matches(task)).cloned().collect();
            let found = all(repo, &TaskQuery { filter: filter.clone(), ..TaskQuery::default() }).await;
            assert_eq!(found, expected, "{filter:?}");
            let count = repo.count(&owner("alice").await, &filter).await.unwrap();
            assert_eq!(count, expected.len() as u64, "{filter:?}");
        }
    }
}

/// In every order, the pages together contain each task exactly once, whether they are read by cursor or by offset, and
/// even if several tasks have the same sort value.
pub async fn the_pages_of_a_list_add_up_to_the_list(repo: &dyn TaskRepo) {
    for index in 0..11 {
        create(repo, "alice", titled(["c", "a", "b"][index % 3]), later(index as u64 / 4)).await;
        create(repo, "bob", titled("b"), later(1)).await;
    }
    for key in [SortKey::CreatedAt, SortKey::UpdatedAt, SortKey::Title] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let whole = assert_pages_add_up(repo, &TaskFilter::default(), TaskOrder { key, direction }).await;
            assert_eq!(whole.len(), 11);
        }
    }
    let beyond = TaskQuery { start: PageStart::Offset(TaskOrder::default(), u32::MAX), ..TaskQuery::default() };
    assert_eq!(page(repo, &beyond).await, TaskPage { tasks: Vec::new(), next: None });
}

/// Returns the whole list in this order. Asserts that pages of every size contain the same tasks, whether they are read
/// by cursor or by offset.
async fn assert_pages_add_up(repo: &dyn TaskRepo, filter: &TaskFilter, order: TaskOrder) -> Vec<Task> {
    let query = |start, limit| TaskQuery { filter: filter.clone(), start, limit: PageSize::new(limit).unwrap() };
    let whole = page(repo, &query(PageStart::Offset(order, 0), 11)).await;
    assert_eq!(whole.next, None);
    for limit in [1, 2, 3, 4, 10] {
        let mut read = Vec::new();
        let mut start = Some(PageStart::Offset(order, 0));
        while let Some(from) = start.take() {
            let by_offset = PageStart::Offset(order, u32::try_from(read.len()).unwrap());
            let TaskPage { tasks, next } = page(repo, &query(from, limit)).await;
            assert_eq!(page(repo, &query(by_offset, limit)).await.tasks, tasks);
            assert!(tasks.len() == usize::from(limit) || next.is_none());
            read.extend(tasks);
            start = next.map(PageStart::After);
        }
        assert_eq!(read, whole.tasks, "{filter:?} {order:?} by {limit}");
    }
    whole.tasks
}

/// Creates tasks with titles that are longer than [`Title::MAX_CHARS`], as another program may have stored them, and
/// returns their ids in the order of their titles. Titles with the same prefix are in the order of the ids, not in that
/// of their remaining characters.
async fn create_long_titles(repo: &dyn TaskRepo) -> Vec<TaskId> {
    // These characters have one to four bytes, so that a prefix of 200 bytes or UTF-16 units would be shorter. By the
    // rules of a language, B would be after a.
    let base = "aé漢🙂".repeat(Title::MAX_CHARS / 4 - 1);
    let titles = [
        format!("{base}xyza{}", "b".repeat(10_000)),
        format!("{base}xyz"),
        format!("{base}xyzaa"),
        format!("{base}xyzB"),
        format!("{base}xyza"),
        format!("{base}xyz🙂🙂"),
        format!("{base}xyzBa"),
        format!("{base}xyz🙂é"),
        format!("{base}xyéa"),
        "a".into(),
    ];
    let mut ids = Vec::new();
    for (title, at) in titles.into_iter().zip((0..).map(later)) {
        let task = NewTask { title: Title::from_stored(title), ..new_task() };
        ids.push(create(repo, "alice", task, at).await.id);
    }
    [9, 1, 3, 6, 0, 2, 4, 5, 7, 8].map(|index| ids[index]).into()
}

/// Titles are sorted by their first 200 characters, with and without a search.
pub async fn titles_are_sorted_by_their_first_characters(repo: &dyn TaskRepo) {
    let ascending = create_long_titles(repo).await;
    for search in [None, Some(SearchText::parse("A").unwrap())] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let start = PageStart::Offset(TaskOrder { key: SortKey::Title, direction }, 0);
            let filter = TaskFilter { search: search.clone(), ..TaskFilter::default() };
            let list = all(repo, &TaskQuery { filter, start, ..TaskQuery::default() }).await;
            let mut ids: Vec<_> = list.iter().map(|task| task.id).collect();
            if direction == SortDirection::Descending {
                ids.reverse();
            }
            assert_eq!(ids, ascending, "{search:?} {direction:?}");
        }
    }
}

/// The pages also contain each task exactly once if titles differ only after their first 200 characters.
pub async fn the_pages_of_long_titles_add_up_to_the_list(repo: &dyn TaskRepo) {
    let ids = create_long_titles(repo).await;
    for search in [None, Some(SearchText::parse("é漢").unwrap())] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let filter = TaskFilter { search: search.clone(), completed: Some(true) };
            let whole = assert_pages_add_up(repo, &filter, TaskOrder { key: SortKey::Title, direction }).await;
            assert_eq!(whole.len(), ids.len() - usize::from(search.is_some()));
        }
    }
}

/// The next page does not change when tasks before the cursor are created or deleted, even if the task of the cursor
/// itself is deleted. If another owner uses the cursor, they find none of these tasks.
pub async fn a_cursor_stays_valid_when_tasks_before_it_change(repo: &dyn TaskRepo) {
    for (title, at) in [("oldest", later(0)), ("old", later(1)), ("new", later(2)), ("newest", later(3))] {
        create(repo, "alice", titled(title), at).await;
    }
    let query = TaskQuery { limit: PageSize::new(2).unwrap(), ..TaskQuery::default() };
    let TaskPage { tasks, next } = page(repo, &query).await;
    assert_eq!(titles(&tasks), ["newest", "new"]);
    let alice = owner("alice").await;
    create(repo, "alice", titled("newer still"), later(4)).await;
    assert!(repo.delete(&alice, tasks[1].id).await.unwrap());
    let cursor: Cursor = next.unwrap();
    let rest = TaskQuery { start: PageStart::After(cursor), ..query };
    assert_eq!(titles(&page(repo, &rest).await.tasks), ["old", "oldest"]);
    assert_eq!(repo.list(&owner("bob").await, &rest).await.unwrap(), TaskPage { tasks: Vec::new(), next: None });
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
    let title = || Title::parse("another title").unwrap();
    let description = || Description::parse("another description").unwrap();
    let patches = [
        TaskPatch { title: Some(title()), ..TaskPatch::default() },
        TaskPatch { completed: Some(false), ..TaskPatch::default() },
        TaskPatch { description: FieldUpdate::Clear, ..TaskPatch::default() },
        TaskPatch { description: FieldUpdate::Set(description()), ..TaskPatch::default() },
        TaskPatch { title: Some(new_task().title), description: FieldUpdate::Clear, completed: Some(true) },
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
    let patch = TaskPatch {
        title: Some(Title::parse("taken").unwrap()),
        description: FieldUpdate::Clear,
        completed: Some(false),
    };
    for other_owner in ["bob", "nobody"] {
        let other_owner = owner(other_owner).await;
        assert_eq!(repo.update(&other_owner, created.id, patch.clone(), later(1)).await.unwrap(), None);
        assert_eq!(repo.toggle(&other_owner, created.id, later(1)).await.unwrap(), None);
        assert!(!repo.delete(&other_owner, created.id).await.unwrap());
    }
    assert_eq!(stored(repo, &created).await, Some(created));
}
