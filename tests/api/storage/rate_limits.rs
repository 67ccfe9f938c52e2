//! Rate limits that are counted in the database.

use support::Server;

use crate::limits::{ON, exhaust, guess};

/// With the storage `database`, two servers count together; with `memory`, each counts for itself.
#[tokio::test]
async fn two_servers_count_together_in_the_database() {
    for (storage, at_the_other) in [("database", 429), ("memory", 401)] {
        let one = Server::start_with(&[ON, ("TASKBRIDGE__RATE_LIMIT__STORAGE", storage)]);
        let other = one.again();
        exhaust(&one, &[]).await;
        assert_eq!(guess(&other, &[]).await, at_the_other, "{storage}");
    }
}
