//! Tests of statements that are prepared on the connections of a store.

use sea_orm::ConnectionTrait;
use taskbridge_adapters::database::SeaTaskRepo;
use taskbridge_domain::ports::{OwnedRepo, TaskRepo};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner};

use crate::databases::{Backend, test_on};

test_on!([Postgres], [a_table_may_be_altered_while_it_is_in_use]);

/// If another program alters the table, prepared statements fail. Reads and writes are then repeated on a new
/// connection.
async fn a_table_may_be_altered_while_it_is_in_use(postgres: Backend) {
    let store = postgres.store_without_users().await;
    let (repo, alice) = (SeaTaskRepo::new(store.clone()), owner("alice").await);
    let mut expected = repo.create(&alice, new_task(), moment()).await.unwrap();
    // In each round, another kind of statement is the first one after the change: it fails and is repeated.
    for (round, column) in ["varchar(500)", "text", "varchar(400)"].into_iter().enumerate() {
        repo.create(&alice, new_task(), moment()).await.unwrap();
        expected = repo.toggle(&alice, expected.id, moment()).await.unwrap().unwrap();
        assert_eq!(repo.find(&alice, expected.id).await.unwrap().as_ref(), Some(&expected));
        let alter = format!(r#"alter table "tasks" alter column "title" type {column}"#);
        store.dedicated().await.unwrap().execute_unprepared(&alter).await.unwrap();
        match round {
            0 => assert_eq!(repo.find(&alice, expected.id).await.unwrap().as_ref(), Some(&expected)),
            1 => expected = repo.toggle(&alice, expected.id, moment()).await.unwrap().unwrap(),
            _ => drop(repo.create(&alice, new_task(), moment()).await.unwrap()),
        }
    }
}
