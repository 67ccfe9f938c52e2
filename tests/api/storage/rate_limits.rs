//! Counters in the database.

use support::Server;

use crate::limits::{ON, exhaust, guess};

/// C210: with the storage `database` two instances count together; with `memory` each for itself.
#[tokio::test]
async fn two_servers_count_together_in_the_database() {
    for (storage, at_the_other) in [("database", 429), ("memory", 401)] {
        let one = Server::start_with(&[ON, ("TASKBRIDGE__RATE_LIMIT__STORAGE", storage)]);
        let other = one.again();
        exhaust(&one, &[]).await;
        assert_eq!(guess(&other, &[]).await, at_the_other, "{storage}");
    }
}
