//! Concurrent starts on an empty database.

use taskbridge_migrations::{Users, up};

use crate::databases::{Database, MIGRATIONS, open, test_on};

test_on!([Sqlite, Postgres, Pgbouncer], [eight_processes_can_migrate_at_once]);

/// All processes succeed, and each migration is applied by exactly one of them.
async fn eight_processes_can_migrate_at_once(database: Database) {
    let mut connections = Vec::new();
    for _ in 0..8 {
        connections.push(open(&database.url).await);
    }
    let starts: Vec<_> =
        connections.into_iter().map(|one| tokio::spawn(async move { up(&one, Users::Here).await.unwrap() })).collect();
    let mut applied = Vec::new();
    for start in starts {
        applied.extend(start.await.unwrap().applied);
    }
    assert_eq!(applied, MIGRATIONS);
}
