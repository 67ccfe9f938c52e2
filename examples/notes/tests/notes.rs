//! The program, attacked by another user.

use support::{Database, isolation};

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_has_access() {
    for database in Database::of_each_kind() {
        isolation::prove(env!("CARGO_BIN_EXE_taskbridge-notes").as_ref(), &database.url, &["tasks", "notes"]).await;
    }
}
