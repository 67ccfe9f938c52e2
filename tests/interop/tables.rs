//! The server that starts first creates the tables.

use serde_json::json;
use support::user::PASSWORD;
use support::{Database, Pair};

/// The second server has nothing to create, its schema check passes, and each knows the users of the other.
#[tokio::test]
async fn whoever_is_first_makes_the_tables_of_both() {
    for (ours, theirs) in Database::of_each_kind().into_iter().zip(Database::of_each_kind()) {
        for (pair, made) in [
            (Pair::start(ours, &[], &[]), json!([])),
            (
                Pair::start_better_auth_first(theirs, &[], &[]),
                json!(["user", "session", "account", "verification", "jwks", "rateLimit"]),
            ),
        ] {
            assert_eq!(json!(pair.better_auth.made), made, "{}", pair.database.url);
            for (one, other) in pair.both_ways() {
                let ann = one.sign_up("ann").await;
                assert_eq!(other.sign_in(&ann.user, PASSWORD).await.user, ann.user, "{}", pair.database.url);
            }
        }
    }
}
