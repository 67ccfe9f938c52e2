//! Lists: order, filters and pages.

use super::{all, create, later, page, titled, titles};
use crate::owned::PageSize;
use crate::ports::TaskRepo;
use crate::tasks::{
    Description, NewTask, PageStart, SearchText, SortDirection, SortKey, Task, TaskFilter, TaskId, TaskOrder, TaskPage,
    TaskQuery, Title,
};
use crate::testing::fixtures::{filters, moment, new_task, owner, patch_of_all_fields};

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
            let search = search.map(|text| SearchText::parse(text).unwrap());
            let filter = TaskFilter { completed, search, ..TaskFilter::default() };
            let expected: Vec<_> = everything.iter().filter(|task| filter.matches(task)).cloned().collect();
            let found = all(repo, &TaskQuery { filter: filter.clone(), ..TaskQuery::default() }).await;
            assert_eq!(found, expected, "{filter:?}");
            let count = repo.count(&owner("alice").await, &filter).await.unwrap();
            assert_eq!(count, expected.len() as u64, "{filter:?}");
        }
    }
}

/// Each condition of a filter selects one of two tasks, in lists and in counts.
pub async fn each_condition_of_a_filter_counts(repo: &dyn TaskRepo) {
    let matching = create(repo, "alice", new_task(), later(0)).await;
    let other = create(repo, "alice", new_task(), later(1)).await;
    repo.update(&owner("alice").await, other.id, patch_of_all_fields(), later(2)).await.unwrap().unwrap();
    for filter in filters() {
        let found = all(repo, &TaskQuery { filter: filter.clone(), ..TaskQuery::default() }).await;
        assert_eq!(found, std::slice::from_ref(&matching), "{filter:?}");
        assert_eq!(repo.count(&owner("alice").await, &filter).await.unwrap(), 1, "{filter:?}");
    }
}

/// In every order, the pages together contain each task exactly once, whether they are read by cursor or by offset, and
/// even if several tasks have the same sort value.
pub async fn the_pages_of_every_list_add_up_to_the_list(repo: &dyn TaskRepo) {
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
    assert_eq!(page(repo, &beyond).await, TaskPage { items: Vec::new(), next: None });
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
            let TaskPage { items: tasks, next } = page(repo, &query(from, limit)).await;
            assert_eq!(page(repo, &query(by_offset, limit)).await.items, tasks);
            assert!(tasks.len() == usize::from(limit) || next.is_none());
            read.extend(tasks);
            start = next.map(PageStart::After);
        }
        assert_eq!(read, whole.items, "{filter:?} {order:?} by {limit}");
    }
    whole.items
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
            let filter = TaskFilter { search: search.clone(), ..TaskFilter::default() };
            let whole = assert_pages_add_up(repo, &filter, TaskOrder { key: SortKey::Title, direction }).await;
            assert_eq!(whole.len(), ids.len() - usize::from(search.is_some()));
        }
    }
}
