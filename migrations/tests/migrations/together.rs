//! Concurrent starts.

use taskbridge_migrations::{Migrations, Users};

use crate::databases::{Database, TABLES, migrate, open, test_on};

test_on!([Sqlite, Postgres, Pgbouncer], [eight_processes_can_migrate_at_once, eight_processes_can_adopt_tasks_at_once]);

/// On PostgreSQL, one of them builds the indices outside of a transaction, and the others wait.
async fn eight_processes_can_adopt_tasks_at_once(database: Database) {
    database.adopt(Users::Here).await.unwrap();
    database.add_task().await;
    assert_eq!(applied_together(&database).await, &Migrations::of(Users::Here).names()[TABLES.len()..]);
}

/// All processes succeed, and each migration is applied by exactly one of them.
async fn eight_processes_can_migrate_at_once(database: Database) {
    assert_eq!(applied_together(&database).await, Migrations::of(Users::Here).names());
}

/// Starts eight processes, and returns the names of the migrations that they have applied, in order.
async fn applied_together(database: &Database) -> Vec<&'static str> {
    let start =
        |url: String| async move { migrate(&Migrations::of(Users::Here), &open(&url).await, &url).await.unwrap() };
    let starts: Vec<_> = (0..8).map(|_| tokio::spawn(start(database.url.clone()))).collect();
    let mut applied = Vec::new();
    for start in starts {
        applied.extend(start.await.unwrap().applied);
    }
    // Several processes may have applied some of them.
    applied.sort_unstable();
    applied
}
