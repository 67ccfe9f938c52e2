//! This release migrates a large table while replicas of the previous one write to it.

use std::thread;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::User;
use support::postgres::{behind_pgbouncer, fresh_database, hold, psql};

use crate::releases::{present, previous};

const ROWS: usize = 300_000;

/// Number of tasks that the previous release adds, and of those it deletes, while the migration waits.
const WRITES: usize = 20;

/// The sessions that wait for another transaction; replicas that start at once may wait for each other.
const WAITING: &str = "select count(*) from pg_stat_activity where datname = current_database() \
                       and wait_event_type = 'Lock' and wait_event <> 'advisory'";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_does_not_block_writers() {
    let url = fresh_database();
    assert_writers_are_not_blocked(&url, &url).await;
}

/// Only the new replicas use the pooler: the migration may need both of its connections until the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_waits_behind_a_pooler_does_not_block_writers() {
    let url = fresh_database();
    let pooled = format!("{}?pgbouncer=true", behind_pgbouncer(url.rsplit_once('/').unwrap().1));
    assert_writers_are_not_blocked(&url, &pooled).await;
}

/// Upgrades the database at the URL `direct`, to which the new replicas connect with `url`.
async fn assert_writers_are_not_blocked(direct: &str, url: &str) {
    let old = previous(direct, "HS256");
    let ann = User::sign_up(&old, "ann").await;
    let insert = format!(
        "insert into tasks (user_id, title, completed, created_at, updated_at) \
         select '{}', 'task ' || md5(n::text), n % 2 = 0, t, t from date_trunc('milliseconds', now()) t, generate_series",
        ann.id
    );
    psql(direct, &format!("{insert}(1, {ROWS}) n"));

    // Locks that a transaction of the previous release can hold.
    let transaction = hold(direct, &format!("{insert}(1, 1) n"));
    let starts = [(), ()].map(|()| {
        let url = url.to_owned();
        thread::spawn(move || present(&url, "HS256"))
    });
    let (waits, are_ready) = (|| psql(direct, WAITING) != "0", || starts.iter().all(thread::JoinHandle::is_finished));
    while !waits() && !are_ready() {
        thread::yield_now();
    }
    let has_waited = !are_ready();
    for number in 0..WRITES {
        write(&ann, number).await;
    }
    println!("a migration waits for another transaction: {has_waited}");
    assert_eq!(has_waited, !are_ready(), "the migration did not wait for the end of the transaction");
    transaction.release();

    let replicas = starts.map(|start| start.join().unwrap());
    let (succeeded, status) = replicas[0].run(&["migrate", "status"], &[]);
    assert!(succeeded && !status.contains("pending"), "{status}");
    assert_eq!(psql(direct, "select count(*) from pg_index where not indisvalid"), "0");
    // The open transaction was rolled back.
    assert_eq!(psql(direct, "select count(*) from tasks"), (ROWS + WRITES).to_string());
    let query = ann.tasks("?sort=title&order=asc&limit=50");
    let lists: [Value; 2] = [get(&ann.at(&replicas[1]), &query).await, get(&ann, &query).await];
    assert_eq!(lists[0], lists[1]);
    assert_eq!(lists[0][WRITES - 1]["title"], "kept 9");
    write(&ann, WRITES).await;
}

/// Adds two tasks, changes one, and deletes the other.
async fn write(ann: &User, number: usize) {
    let kept = ann.add(json!({ "title": "new" })).await;
    let deleted = ann.add(json!({ "title": "new" })).await;
    let path = |task: &Value| ann.tasks(&format!("/{}", task["id"]));
    let change = json!({ "title": format!("kept {number}") });
    let changed = ann.request(Method::PUT, &path(&kept)).json(&change).send().await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let gone = ann.request(Method::DELETE, &path(&deleted)).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
}

async fn get(user: &User, path: &str) -> Value {
    let response = user.get(path).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}
