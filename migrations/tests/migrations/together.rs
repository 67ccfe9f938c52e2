//! Several processes start on an empty database at once.

use sea_orm_migration::sea_orm::DatabaseConnection;
use taskbridge_migrations::{Users, up};

use crate::databases::{Database, STEPS, open, pooled, postgres, sqlite};

/// All succeed, and each step is applied by one of them.
async fn all_succeed(connections: Vec<DatabaseConnection>) {
    let starts: Vec<_> =
        connections.into_iter().map(|one| tokio::spawn(async move { up(&one, Users::Here).await.unwrap() })).collect();
    let mut applied = Vec::new();
    for start in starts {
        applied.extend(start.await.unwrap().applied);
    }
    assert_eq!(applied, STEPS);
}

async fn eight(database: &Database) -> Vec<DatabaseConnection> {
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(open(&database.url).await);
    }
    connections
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_on_sqlite() {
    let database = sqlite().await;
    all_succeed(eight(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_on_postgres() {
    let database = postgres().await;
    all_succeed(eight(&database).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_through_a_pooler() {
    let database = pooled().await;
    all_succeed(eight(&database).await).await;
}
