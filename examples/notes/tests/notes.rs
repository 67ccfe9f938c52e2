//! The program, attacked by another user.

use std::path::Path;

use support::{Database, isolation};

const PROGRAM: &str = env!("CARGO_BIN_EXE_taskbridge-notes");

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_has_access_on_sqlite() {
    isolation::prove(Path::new(PROGRAM), &Database::sqlite().url, &["tasks", "notes"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_has_access_on_postgres() {
    isolation::prove(Path::new(PROGRAM), &Database::postgres().url, &["tasks", "notes"]).await;
}
