//! Tests of creating tasks for users who do not exist, if the database has the table `user`.

use taskbridge_adapters::database::{SeaIdentityRepo, SeaTaskRepo};
use taskbridge_domain::ports::{CreateError, IdentityRepo, OwnedRepo};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner, registration};

use crate::databases::{Backend, test_on};

test_on!([Sqlite, Postgres, Pgbouncer], [a_task_for_an_unknown_user_is_rejected]);

async fn a_task_for_an_unknown_user_is_rejected(backend: Backend) {
    let store = backend.store().await;
    SeaIdentityRepo(store.clone()).register(&registration("alice")).await.unwrap();
    let repo = SeaTaskRepo::new(store.clone());
    let rejected = repo.create(&owner("nobody").await, new_task(), moment()).await;
    assert!(matches!(rejected, Err(CreateError::UnknownOwner)));
    // The connection on which the insertion failed can still be used.
    assert!(repo.create(&owner("alice").await, new_task(), moment()).await.is_ok());
}
