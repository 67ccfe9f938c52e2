//! Rate limits that are counted in the database.

use futures_util::future::join_all;
use serde_json::Value;
use support::{Server, User};

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

/// The requests of a user for tasks are counted in the same storage. Requests for the tasks of another user do not
/// count, neither for the caller nor for the owner.
#[tokio::test]
async fn the_requests_of_each_user_for_tasks_are_counted() {
    for (storage, at_the_other) in [("database", 429), ("memory", 200)] {
        let one = Server::start_with(&[
            ("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "3"),
            ("TASKBRIDGE__RATE_LIMIT__STORAGE", storage),
        ]);
        let other = one.again();
        let (ann, bob) = (User::sign_up(&one, "ann").await, User::sign_up(&one, "bob").await);
        let path = ann.tasks("");
        for _ in 0..4 {
            assert_eq!(bob.get(&path).await.status(), 403);
        }
        let (mut statuses, mut refused) = (Vec::new(), None);
        for answer in join_all((0..8).map(|_| ann.get(&path))).await {
            statuses.push(answer.status().as_u16());
            refused = Some(answer).filter(|answer| answer.status() == 429).or(refused);
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 429, 429, 429, 429, 429], "{storage}");
        let refused = refused.unwrap();
        let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds), "{seconds}");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "TOO_MANY_REQUESTS");

        assert_eq!(ann.at(&other).get(&path).await.status().as_u16(), at_the_other, "{storage}");
        assert_eq!(bob.get(&bob.tasks("")).await.status(), 200);
    }
}
