//! The contract of [`TaskRepo`]. A store that keeps its users must hold `alice` and `bob`, and nobody called `nobody`.

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
                an_added_task_is_stored_as_given,
                hostile_texts_come_back_byte_for_byte,
                a_new_owner_has_no_tasks,
                the_list_is_newest_first_with_ties_by_id,
                a_list_is_sorted_as_asked_for,
                a_list_holds_what_the_filter_admits,
                the_pages_of_a_list_make_the_list,
                a_cursor_stays_where_it_is,
                reading_changes_nothing,
                an_update_changes_what_it_names_and_nothing_else,
                updated_at_advances_even_if_the_clock_does_not,
                toggling_turns_completed_round,
                toggles_at_the_same_time_all_count,
                a_task_is_removed_once,
                removals_at_the_same_time_succeed_once,
                ids_are_never_given_twice,
                ids_that_were_never_given_are_absent,
                a_strangers_read_finds_nothing,
                a_strangers_write_changes_nothing,
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

async fn add(repo: &dyn TaskRepo, owner_name: &str, task: NewTask, now: Timestamp) -> Task {
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

/// Every field survives, in the answer, in the read and in the list.
pub async fn an_added_task_is_stored_as_given(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    for (index, description) in [new_task().description, None].into_iter().enumerate() {
        let given = NewTask { description, completed: index == 0, ..new_task() };
        let added = add(repo, "alice", given.clone(), moment()).await;
        let NewTask { title, description, completed } = given;
        let expected = Task {
            id: added.id,
            owner: user_id("alice"),
            title,
            description,
            completed,
            created_at: moment(),
            updated_at: moment(),
        };
        assert_eq!(added, expected);
        assert_eq!(repo.find(&alice, added.id).await.unwrap(), Some(expected.clone()));
        assert!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks.contains(&expected));
    }
}

/// SQL, templates, every plane of Unicode, composed and decomposed: stored as text.
pub async fn hostile_texts_come_back_byte_for_byte(repo: &dyn TaskRepo) {
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
        let added = add(repo, "alice", task, moment()).await;
        assert_eq!(added.title.as_str(), text);
        assert_eq!(added.description.as_ref().unwrap().as_str(), text);
        assert_eq!(stored(repo, &added).await, Some(added));
    }
}

/// Empty is an answer.
pub async fn a_new_owner_has_no_tasks(repo: &dyn TaskRepo) {
    add(repo, "alice", new_task(), moment()).await;
    assert_eq!(repo.list(&owner("bob").await, &TaskQuery::default()).await.unwrap().tasks, []);
}

/// By `created_at`, not by id; of two made in the same millisecond the one with the higher id first.
pub async fn the_list_is_newest_first_with_ties_by_id(repo: &dyn TaskRepo) {
    for (title, at) in [("second", later(1)), ("oldest", later(0)), ("tie a", later(2)), ("tie b", later(2))] {
        add(repo, "alice", titled(title), at).await;
    }
    assert_eq!(titles(&all(repo, &TaskQuery::default()).await), ["tie b", "tie a", "second", "oldest"]);
}

/// By each key, from each end; titles by code point, upper case before lower, and no alphabet of any language.
pub async fn a_list_is_sorted_as_asked_for(repo: &dyn TaskRepo) {
    for (title, at) in
        [("b", later(1)), ("a", later(0)), ("B", later(2)), ("ä", later(3)), ("a", later(4)), ("-", later(5))]
    {
        add(repo, "alice", titled(title), at).await;
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
        assert_eq!(ids[0], ids[1], "ties go by id, in the same direction");
    }
}

/// Done, to do, with a text in it: `%`, `_` and `\` stand for themselves, and only A to Z have two cases.
pub async fn a_list_holds_what_the_filter_admits(repo: &dyn TaskRepo) {
    let texts =
        ["Buy MILK", "100% of it", "snake_case", "back\\slash", "ÄRGER ärger", "İstanbul", "'; drop table", "x"];
    for (index, text) in texts.into_iter().enumerate() {
        let description = (index % 2 == 0)
            .then(|| Description::parse(&format!("More about {}", texts[(index + 4) % texts.len()])).unwrap());
        add(repo, "alice", NewTask { description, completed: index % 3 == 0, ..titled(text) }, later(index as u64))
            .await;
    }
    add(repo, "bob", titled("milk of bob"), moment()).await;
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

/// Page after page, by cursor and by offset, in every order and with ties: each task once, and an end.
pub async fn the_pages_of_a_list_make_the_list(repo: &dyn TaskRepo) {
    for index in 0..11 {
        add(repo, "alice", titled(["c", "a", "b"][index % 3]), later(index as u64 / 4)).await;
        add(repo, "bob", titled("b"), later(1)).await;
    }
    for key in [SortKey::CreatedAt, SortKey::UpdatedAt, SortKey::Title] {
        for direction in [SortDirection::Ascending, SortDirection::Descending] {
            let order = TaskOrder { key, direction };
            let query =
                |start, limit| TaskQuery { start, limit: PageSize::new(limit).unwrap(), ..TaskQuery::default() };
            let whole = page(repo, &query(PageStart::Offset(order, 0), 11)).await;
            assert_eq!((whole.tasks.len(), whole.next), (11, None));
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
                assert_eq!(read, whole.tasks, "{order:?} by {limit}");
            }
        }
    }
    let beyond = TaskQuery { start: PageStart::Offset(TaskOrder::default(), u32::MAX), ..TaskQuery::default() };
    assert_eq!(page(repo, &beyond).await, TaskPage { tasks: Vec::new(), next: None });
}

/// What is added or removed before the cursor, its own task included, moves nothing behind it; a stranger's list is not
/// opened by it.
pub async fn a_cursor_stays_where_it_is(repo: &dyn TaskRepo) {
    for (title, at) in [("oldest", later(0)), ("old", later(1)), ("new", later(2)), ("newest", later(3))] {
        add(repo, "alice", titled(title), at).await;
    }
    let query = TaskQuery { limit: PageSize::new(2).unwrap(), ..TaskQuery::default() };
    let TaskPage { tasks, next } = page(repo, &query).await;
    assert_eq!(titles(&tasks), ["newest", "new"]);
    let alice = owner("alice").await;
    add(repo, "alice", titled("newer still"), later(4)).await;
    assert!(repo.delete(&alice, tasks[1].id).await.unwrap());
    let cursor: Cursor = next.unwrap();
    let rest = TaskQuery { start: PageStart::After(cursor), ..query };
    assert_eq!(titles(&page(repo, &rest).await.tasks), ["old", "oldest"]);
    assert_eq!(repo.list(&owner("bob").await, &rest).await.unwrap(), TaskPage { tasks: Vec::new(), next: None });
}

/// Two reads give the same.
pub async fn reading_changes_nothing(repo: &dyn TaskRepo) {
    let added = add(repo, "alice", new_task(), moment()).await;
    let alice = owner("alice").await;
    for _ in 0..2 {
        assert_eq!(stored(repo, &added).await, Some(added.clone()));
        assert_eq!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks, std::slice::from_ref(&added));
    }
}

/// Each field alone, all together, of this task alone.
pub async fn an_update_changes_what_it_names_and_nothing_else(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let bystander = add(repo, "alice", new_task(), moment()).await;
    let mut expected = add(repo, "alice", new_task(), moment()).await;
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
    assert_eq!(stored(repo, &bystander).await, Some(bystander));
}

/// The clock may stand still or step back; a change still shows.
pub async fn updated_at_advances_even_if_the_clock_does_not(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let added = add(repo, "alice", new_task(), later(10)).await;
    let patch = || TaskPatch { completed: Some(true), ..TaskPatch::default() };
    let updated = repo.update(&alice, added.id, patch(), later(10)).await.unwrap().unwrap();
    assert_eq!(updated.updated_at, later(11));
    let toggled = repo.toggle(&alice, added.id, later(0)).await.unwrap().unwrap();
    assert_eq!(toggled.updated_at, later(12));
    let updated = repo.update(&alice, added.id, patch(), later(1000)).await.unwrap().unwrap();
    assert_eq!(updated.updated_at, later(1000));
    assert_eq!(updated.created_at, later(10));
}

/// There and back, touching nothing else but `updated_at`.
pub async fn toggling_turns_completed_round(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let added = add(repo, "alice", new_task(), moment()).await;
    for (at, completed) in [(later(1), !added.completed), (later(2), added.completed)] {
        let toggled = repo.toggle(&alice, added.id, at).await.unwrap();
        assert_eq!(toggled, Some(Task { completed, updated_at: at, ..added.clone() }));
        assert_eq!(stored(repo, &added).await, toggled);
    }
}

/// 21 toggles at once are an odd number of toggles.
pub async fn toggles_at_the_same_time_all_count(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let added = add(repo, "alice", new_task(), moment()).await;
    let toggles = join_all((0..21).map(|_| repo.toggle(&alice, added.id, moment()))).await;
    assert!(toggles.iter().all(|toggled| matches!(toggled, Ok(Some(_)))));
    let after = stored(repo, &added).await.unwrap();
    assert_eq!(after.completed, !added.completed);
    assert_eq!(after.updated_at, later(21));
}

/// And then it is gone.
pub async fn a_task_is_removed_once(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let bystander = add(repo, "alice", new_task(), moment()).await;
    let added = add(repo, "alice", new_task(), moment()).await;
    assert!(repo.delete(&alice, added.id).await.unwrap());
    assert!(!repo.delete(&alice, added.id).await.unwrap());
    assert_eq!(stored(repo, &added).await, None);
    assert_eq!(repo.toggle(&alice, added.id, moment()).await.unwrap(), None);
    assert_eq!(repo.update(&alice, added.id, TaskPatch::default(), moment()).await.unwrap(), None);
    assert_eq!(repo.list(&alice, &TaskQuery::default()).await.unwrap().tasks, [bystander]);
}

/// Exactly one of ten is told that it removed the task.
pub async fn removals_at_the_same_time_succeed_once(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    let added = add(repo, "alice", new_task(), moment()).await;
    let removals = join_all((0..10).map(|_| repo.delete(&alice, added.id))).await;
    assert_eq!(removals.into_iter().filter(|removed| *removed.as_ref().unwrap()).count(), 1);
}

/// A removed task's id stays its own: an old link never leads to a new task.
pub async fn ids_are_never_given_twice(repo: &dyn TaskRepo) {
    let first = add(repo, "alice", new_task(), moment()).await;
    assert!(repo.delete(&owner("alice").await, first.id).await.unwrap());
    let second = add(repo, "alice", new_task(), moment()).await;
    let third = add(repo, "bob", new_task(), moment()).await;
    assert!(first.id < second.id && second.id < third.id);
}

/// The whole range of 64 bits can be asked for.
pub async fn ids_that_were_never_given_are_absent(repo: &dyn TaskRepo) {
    let alice = owner("alice").await;
    for number in [0, -1, i64::MAX, i64::MIN, 1 << 31] {
        let id = TaskId::new(number);
        assert_eq!(repo.find(&alice, id).await.unwrap(), None);
        assert_eq!(repo.update(&alice, id, TaskPatch::default(), moment()).await.unwrap(), None);
        assert_eq!(repo.toggle(&alice, id, moment()).await.unwrap(), None);
        assert!(!repo.delete(&alice, id).await.unwrap());
    }
}

/// Another owner's task is as if it were not there.
pub async fn a_strangers_read_finds_nothing(repo: &dyn TaskRepo) {
    let added = add(repo, "alice", new_task(), moment()).await;
    for stranger in ["bob", "nobody", "Alice", "alice ", "%", "_____"] {
        let stranger = owner(stranger).await;
        assert_eq!(repo.find(&stranger, added.id).await.unwrap(), None);
        assert_eq!(repo.list(&stranger, &TaskQuery::default()).await.unwrap().tasks, []);
    }
}

/// Another owner's writes are answered as for an absent task, and the task stays as it was.
pub async fn a_strangers_write_changes_nothing(repo: &dyn TaskRepo) {
    let added = add(repo, "alice", new_task(), moment()).await;
    let patch = TaskPatch {
        title: Some(Title::parse("taken").unwrap()),
        description: FieldUpdate::Clear,
        completed: Some(false),
    };
    for stranger in ["bob", "nobody"] {
        let stranger = owner(stranger).await;
        assert_eq!(repo.update(&stranger, added.id, patch.clone(), later(1)).await.unwrap(), None);
        assert_eq!(repo.toggle(&stranger, added.id, later(1)).await.unwrap(), None);
        assert!(!repo.delete(&stranger, added.id).await.unwrap());
    }
    assert_eq!(stored(repo, &added).await, Some(added));
}
