//! What one user can take from others: connections to the database, and space in it.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, select};
use reqwest::Method;
use serde_json::{Value, json};
use support::postgres::{fresh_database, hold, psql};
use support::user::PASSWORD;
use support::{Database, Server, User};
use tokio::task::{JoinHandle, yield_now};

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);
/// Number of requests that each user sends at the same time.
const REQUESTS: usize = 12;

/// Starts to request the user's tasks several times at once. The result is the status of each answer.
fn start_lists(user: &User) -> JoinHandle<Vec<u16>> {
    let user = user.clone();
    tokio::spawn(async move {
        let path = user.tasks("?q=milk");
        join_all((0..REQUESTS).map(|_| user.get(&path))).await.iter().map(|answer| answer.status().as_u16()).collect()
    })
}

/// While the requests of one user wait in the database, at most `tasks.concurrent_per_user` of them use a connection.
/// While tasks use all connections but the reserved one, the server is ready, and users can sign in.
#[tokio::test(flavor = "multi_thread")]
async fn one_user_has_few_connections_and_tasks_never_have_all() {
    let url = fresh_database();
    let server = Server::start_with(&[
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "8"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "60"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "120"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "120"),
    ]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);
    let waiting = || {
        let sql =
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        psql(&url, sql).parse::<usize>().unwrap()
    };
    let until_waiting = async |count| {
        let started = Instant::now();
        while waiting() != count {
            assert!(started.elapsed() < PATIENCE, "{} statements wait, not {count}", waiting());
            yield_now().await;
        }
    };
    let assert_serves = async || {
        for _ in 0..4 {
            assert_eq!(ann.get("/health/ready").await.status(), 200);
            let session = ann.anonymous(Method::GET, "/api/auth/get-session").header("Cookie", &ann.cookie);
            assert_eq!(session.send().await.unwrap().status(), 200);
        }
        let credentials = json!({ "email": bob.email, "password": PASSWORD });
        let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials);
        assert_eq!(sign_in.send().await.unwrap().status(), 200);
    };

    let lock = hold(&url, "lock table tasks in access exclusive mode");
    let of_ann = start_lists(&ann);
    until_waiting(4).await;
    assert_serves().await;
    assert_eq!(waiting(), 4);

    // The statements of another user do not wait for those of the first one.
    let of_bob = start_lists(&bob);
    until_waiting(7).await;
    assert_serves().await;
    assert_eq!(waiting(), 7);

    lock.release();
    for statuses in [of_ann.await.unwrap(), of_bob.await.unwrap()] {
        assert_eq!(statuses, [200; REQUESTS]);
    }
}

/// A request that waits for too long for others of the same user is answered 503.
#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_one_user_that_wait_for_too_long_are_503() {
    let url = fresh_database();
    let server = Server::start_with(&[
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__TASKS__CONCURRENT_PER_USER", "1"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "120"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "120"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    let lock = hold(&url, "lock table tasks in access exclusive mode");
    let path = ann.tasks("");
    let (first, second) = (Box::pin(ann.get(&path)), Box::pin(ann.get(&path)));
    let (refused, under_way) = select(first, second).await.factor_first();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "SERVICE_UNAVAILABLE");
    lock.release();
    assert_eq!(under_way.await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_no_more_tasks_than_the_maximum_on_all_replicas_together() {
    for database in Database::of_each_kind() {
        let variables = [("DATABASE_URL", &*database.url), ("TASKBRIDGE__TASKS__MAX_PER_USER", "5")];
        let server = Server::start_with(&variables);
        let replica = Server::start_with(&variables);
        let here = User::sign_up(&server, "ann").await;
        let there = here.at(&replica);
        let path = here.tasks("");
        let add = |user: &User| user.request(Method::POST, &path).json(&json!({ "title": "x" })).send();
        let additions = (0..20).map(|number| add(if number % 2 == 0 { &here } else { &there }));
        let mut statuses: Vec<_> =
            join_all(additions).await.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[..5], [201; 5], "{}", database.url);
        assert_eq!(statuses[5..], [409; 15], "{}", database.url);

        let refused: Value = add(&here).await.unwrap().json().await.unwrap();
        assert_eq!(refused["code"], "TASK_LIMIT_REACHED");
        let list = here.list().await;
        assert_eq!(list.as_array().unwrap().len(), 5);
        let one = here.tasks(&format!("/{}", list[0]["id"]));
        assert_eq!(here.request(Method::DELETE, &one).send().await.unwrap().status(), 204);
        assert_eq!(add(&there).await.unwrap().status(), 201);
    }
}
