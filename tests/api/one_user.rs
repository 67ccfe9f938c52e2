//! What one user can take from others: connections to the database, and space in it.

use std::time::{Duration, Instant};

use futures_util::future::{join_all, select};
use reqwest::Method;
use serde_json::{Value, json};
use support::metrics::Scrape;
use support::postgres::{fresh_database, hold, psql};
use support::user::PASSWORD;
use support::{Database, Server, User};
use tokio::task::{JoinHandle, yield_now};

use crate::refusals::series;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);
/// Serves metrics on a free port.
const SHOWN: (&str, &str) = ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0");
/// Number of requests that each user sends at the same time.
const REQUESTS: usize = 12;

/// Starts to request the user's tasks several times at once. The result is the status of each answer.
fn start_lists(user: &User, query: &'static str) -> JoinHandle<Vec<u16>> {
    let user = user.clone();
    tokio::spawn(async move {
        let path = user.tasks(query);
        join_all((0..REQUESTS).map(|_| user.get(&path))).await.iter().map(|answer| answer.status().as_u16()).collect()
    })
}

/// Starts a server with 8 connections to a new database. Statements and requests have no timeout within the time of
/// these tests.
fn start(variables: &[(&str, &str)]) -> (Server, String) {
    let url = fresh_database();
    let all = [
        SHOWN,
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "8"),
        // A shared connection would not be available to the statements that wait.
        ("TASKBRIDGE__DATABASE__SHARE_CONNECTIONS", "false"),
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "60"),
        ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "120"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "120"),
    ];
    (Server::start_with(&[&all, variables].concat()), url)
}

/// Returns the number of statements that wait for a lock.
fn waiting(url: &str) -> usize {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    psql(url, sql).parse().unwrap()
}

/// Waits until `count` statements wait for a lock.
async fn until_waiting(url: &str, count: usize) {
    let started = Instant::now();
    while waiting(url) != count {
        assert!(started.elapsed() < PATIENCE, "{} statements wait, not {count}", waiting(url));
        yield_now().await;
    }
}

/// Asserts that the server is ready, and that the user can sign in and use a session.
async fn assert_serves(user: &User) {
    for _ in 0..4 {
        assert_eq!(user.get("/health/ready").await.status(), 200);
        let session = user.anonymous(Method::GET, "/api/auth/get-session").header("Cookie", &user.cookie);
        assert_eq!(session.send().await.unwrap().status(), 200);
    }
    let credentials = json!({ "email": user.email, "password": PASSWORD });
    let sign_in = user.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials);
    assert_eq!(sign_in.send().await.unwrap().status(), 200);
}

/// While the requests of one user wait in the database, at most `tasks.concurrent_per_user` of them use a connection.
/// While tasks use all connections but the reserved one, the server is ready, and users can sign in.
#[tokio::test(flavor = "multi_thread")]
async fn one_user_has_few_connections_and_tasks_never_have_all() {
    let (server, url) = start(&[]);
    let (ann, bob) = (User::sign_up(&server, "ann").await, User::sign_up(&server, "bob").await);

    let lock = hold(&url, "lock table tasks in access exclusive mode");
    let of_ann = start_lists(&ann, "");
    until_waiting(&url, 4).await;
    assert_serves(&bob).await;
    assert_eq!(waiting(&url), 4);
    assert_eq!(Scrape::of(&server).await.count("taskbridge_tasks_waiting"), REQUESTS as u64 - 4);

    // The statements of another user do not wait for those of the first one.
    let of_bob = start_lists(&bob, "");
    until_waiting(&url, 7).await;
    assert_serves(&bob).await;
    assert_eq!(waiting(&url), 7);

    lock.release();
    for statuses in [of_ann.await.unwrap(), of_bob.await.unwrap()] {
        assert_eq!(statuses, [200; REQUESTS]);
    }
}

/// All searches together use at most `tasks.concurrent_searches` connections, and those of one user use one. Lists of
/// another user do not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn the_searches_of_several_users_leave_connections_to_others() {
    let (server, url) = start(&[("TASKBRIDGE__TASKS__CONCURRENT_SEARCHES", "2")]);
    let ann = User::sign_up(&server, "ann").await;
    let (bob, carol) = (User::sign_up(&server, "bob").await, User::sign_up(&server, "carol").await);
    let dave = User::sign_up(&server, "dave").await;

    let lock = hold(&url, "lock table tasks in access exclusive mode");
    let of_ann = start_lists(&ann, "?q=milk");
    until_waiting(&url, 1).await;
    assert_serves(&ann).await;
    assert_eq!(waiting(&url), 1);
    let searches = [of_ann, start_lists(&bob, "?completed=true"), start_lists(&carol, "?offset=1")];
    until_waiting(&url, 2).await;
    let lists = start_lists(&dave, "");
    until_waiting(&url, 6).await;
    assert_serves(&ann).await;
    assert_eq!(waiting(&url), 6);

    lock.release();
    for statuses in join_all(searches.into_iter().chain([lists])).await {
        assert_eq!(statuses.unwrap(), [200; REQUESTS]);
    }
}

/// A request that waits for too long for others of the same user is answered 503.
#[tokio::test(flavor = "multi_thread")]
async fn the_requests_of_one_user_that_wait_for_too_long_are_503() {
    let (server, url) =
        start(&[("TASKBRIDGE__TASKS__CONCURRENT_PER_USER", "1"), ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "1")]);
    let ann = User::sign_up(&server, "ann").await;
    let lock = hold(&url, "lock table tasks in access exclusive mode");
    let path = ann.tasks("");
    let (first, second) = (Box::pin(ann.get(&path)), Box::pin(ann.get(&path)));
    let (refused, under_way) = select(first, second).await.factor_first();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "SERVICE_UNAVAILABLE");
    let scrape = Scrape::of(&server).await;
    let causes = [scrape.count("taskbridge_tasks_refused_total"), scrape.count(&series(503, "too_many_statements"))];
    assert_eq!(causes, [1, 1]);
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
