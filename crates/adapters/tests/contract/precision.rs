//! Tests of rows that another program has written, with times precise to the microsecond.

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::SeaTaskRepo;
use taskbridge_domain::owned::PageSize;
use taskbridge_domain::ports::OwnedRepo;
use taskbridge_domain::tasks::{PageStart, SortDirection, SortKey, TaskOrder, TaskPage, TaskQuery};
use taskbridge_domain::testing::fixtures::owner;

use crate::databases::{Backend, test_on};

test_on!([Postgres], [pages_tell_microseconds_apart]);

/// All rows are created within one millisecond, in the opposite order of their ids. Each row is on exactly one page.
async fn pages_tell_microseconds_apart(postgres: Backend) {
    let store = postgres.store_without_users().await;
    let script = r#"insert into "tasks" ("user_id", "title", "created_at", "updated_at")
        select 'alice', n, t, t from generate_series(1, 9) n,
        lateral (select timestamptz '2026-11-21T01:45:03.000Z' + (10 - n) * interval '1 microsecond') times(t)"#;
    store.dedicated().await.unwrap().execute_unprepared(script).await.unwrap();
    let repo = SeaTaskRepo::new(store.clone());
    let alice = owner("alice").await;
    for key in [SortKey::CreatedAt, SortKey::UpdatedAt] {
        for (direction, expected) in [
            (SortDirection::Descending, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (SortDirection::Ascending, [9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ] {
            let mut read = Vec::new();
            let mut start = Some(PageStart::Offset(TaskOrder { key, direction }, 0));
            while let Some(from) = start.take() {
                let query = TaskQuery { start: from, limit: PageSize::new(2).unwrap(), ..TaskQuery::default() };
                let TaskPage { items: tasks, next } = repo.list(&alice, &query).await.unwrap();
                read.extend(tasks.into_iter().map(|task| task.id.number()));
                start = next.map(PageStart::After);
            }
            assert_eq!(read, expected);
        }
    }
}
