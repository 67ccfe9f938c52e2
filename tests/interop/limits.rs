//! Both servers count requests in Better Auth's `rateLimit` table.

use serde_json::json;
use support::{Pair, Peer};

const ON: (&str, &str) = ("RATE_LIMIT", "on");

async fn guess(peer: &Peer) -> u16 {
    peer.try_sign_in(&json!("nobody@example.test"), "wrong horse battery").await.status
}

/// In total, three guesses are checked.
#[tokio::test]
async fn requests_to_both_are_counted_together() {
    let ours = [ON, ("TASKBRIDGE__RATE_LIMIT__STORAGE", "database")];
    for pair in Pair::of_each_kind_with(&ours, &[ON]) {
        for (one, other) in pair.both_ways() {
            let mut statuses = Vec::new();
            for peer in [&one, &other, &one, &other, &one] {
                statuses.push(guess(peer).await);
            }
            assert_eq!(statuses, [401, 401, 401, 429, 429], "{}", one.name);
            pair.database.query(r#"delete from "rateLimit""#);
        }
    }
}
