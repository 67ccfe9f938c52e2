//! A pooler in transaction mode, declared in the URL or not: no statement is executed with the values of another.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::postgres::{address_of, behind_pgbouncer, fresh_database};
use support::proxy::Proxy;
use support::{Server, User};

use crate::watch::until;

/// Number of users of each kind at each server.
const USERS: usize = 3;

/// Number of tasks of a reader.
const TASKS: usize = 12;

/// Size of the connection pool of a server.
const CONNECTIONS: usize = 4;

fn server_on(url: &str) -> Server {
    Server::start_with(&[
        ("DATABASE_URL", url),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", &CONNECTIONS.to_string()),
        // Many requests share the two connections of the pooler.
        ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "30"),
    ])
}

/// Returns the URLs of a new database, direct and through pgbouncer, both without `pgbouncer=true`.
fn direct_and_pooled() -> (String, String) {
    let direct = fresh_database();
    let pooled = behind_pgbouncer(direct.rsplit_once('/').unwrap().1);
    (direct, pooled)
}

/// A user whose tasks do not change.
struct Reader {
    user: User,
    /// The tasks, newest first.
    tasks: Vec<Value>,
}

impl Reader {
    async fn at(server: &Server, user: &User) -> Self {
        let mut tasks = Vec::new();
        for number in 0..TASKS {
            let title = format!("{} of {}", ["pear", "apple", "plum"][number % 3], user.email);
            tasks.insert(0, user.add(json!({ "title": title, "completed": number % 2 == 0 })).await);
        }
        Self { user: user.at(server), tasks }
    }

    /// Returns the query of a list, and the tasks that it must return.
    fn list(&self, round: usize) -> (&'static str, Vec<Value>) {
        let tasks = || self.tasks.iter().cloned();
        let is_done = |task: &Value| task["completed"] == true;
        let has_apple = |task: &Value| task["title"].as_str().unwrap().contains("apple");
        match round % 8 {
            0 => ("", tasks().collect()),
            1 => ("?limit=3", tasks().take(3).collect()),
            2 => ("?limit=5&offset=4", tasks().skip(4).take(5).collect()),
            3 => ("?order=asc&offset=1", tasks().rev().skip(1).collect()),
            4 => ("?completed=true", tasks().filter(is_done).collect()),
            5 => ("?completed=false&order=asc", tasks().rev().filter(|task| !is_done(task)).collect()),
            6 => ("?q=Apple", tasks().filter(has_apple).collect()),
            _ => ("?q=apple&completed=true&limit=1", tasks().filter(has_apple).filter(is_done).take(1).collect()),
        }
    }

    async fn work(&self, rounds: usize) {
        for round in 0..rounds {
            let (query, expected) = self.list(round / 2);
            let task = &self.tasks[round % TASKS];
            let (path, expected) = match round % 2 {
                0 => (self.user.tasks(query), json!(expected)),
                _ => (self.user.tasks(&format!("/{}", task["id"])), task.clone()),
            };
            assert_eq!(
                answer(&self.user, Method::GET, &path, &Value::Null).await,
                (StatusCode::OK, expected),
                "{path}"
            );
        }
    }
}

/// A user who changes their tasks.
struct Writer {
    user: User,
    /// The tasks, newest first.
    tasks: Vec<Value>,
    /// Number of writes that were answered with 503.
    lost: usize,
}

impl Writer {
    fn at(server: &Server, user: &User) -> Self {
        Self { user: user.at(server), tasks: Vec::new(), lost: 0 }
    }

    async fn work(&mut self, rounds: usize) {
        for round in 0..rounds {
            if self.tasks.is_empty() || round % 5 < 2 {
                self.add(&format!("{round} of {}", self.user.email)).await;
            } else {
                self.change(round).await;
            }
            if round % 10 == 9 {
                assert_eq!(self.list().await, self.tasks, "a writer sees something else than it wrote");
            }
        }
    }

    async fn add(&mut self, title: &str) {
        let body = json!({ "title": title, "completed": false });
        match answer(&self.user, Method::POST, &self.user.tasks(""), &body).await {
            (StatusCode::CREATED, task) => {
                let is_it = task["title"] == title && task["user_id"] == self.user.id.as_str();
                assert!(is_it && task["description"].is_null() && task["completed"] == false, "{body}: {task}");
                self.tasks.insert(0, task);
            }
            (status, body) => self.lose(status, &body).await,
        }
    }

    /// Updates, toggles or deletes one of the tasks.
    async fn change(&mut self, round: usize) {
        let index = round * 7 % self.tasks.len();
        let mut expected = self.tasks[index].clone();
        let title = format!("{round} again of {}", self.user.email);
        let (method, rest, body) = match round % 7 {
            0 | 1 => (Method::PUT, "", json!({ "title": title, "description": "new" })),
            2 => (Method::PATCH, "", json!({ "completed": true })),
            3 => (Method::PATCH, "", json!({ "description": null, "title": title })),
            4 => (Method::PATCH, "/complete", json!({})),
            5 => (Method::POST, "/complete", json!({ "completed": false })),
            _ => (Method::DELETE, "", Value::Null),
        };
        let path = self.user.tasks(&format!("/{}{rest}", expected["id"]));
        match answer(&self.user, method.clone(), &path, &body).await {
            (StatusCode::NO_CONTENT, _) if method == Method::DELETE => drop(self.tasks.remove(index)),
            (StatusCode::OK, task) => {
                for (field, value) in body.as_object().unwrap() {
                    expected[field] = value.clone();
                }
                if body == json!({}) {
                    expected["completed"] = (expected["completed"] == false).into();
                }
                expected["updated_at"] = task["updated_at"].clone();
                assert_eq!(task, expected, "{method} {path} {body}");
                self.tasks[index] = task;
            }
            (status, body) => self.lose(status, &body).await,
        }
    }

    /// Checks the effect of a write that was answered with 503: no other task may have changed.
    async fn lose(&mut self, status: StatusCode, body: &Value) {
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
        self.lost += 1;
        let there = self.list().await;
        let before = self.tasks.iter().filter(|task| !there.contains(task));
        let after = there.iter().filter(|task| !self.tasks.contains(task));
        let changed: BTreeSet<_> = before.chain(after).map(|task| task["id"].as_i64()).collect();
        assert!(changed.len() <= 1, "one write changed several tasks: {changed:?}");
        self.tasks = there;
    }

    async fn list(&self) -> Vec<Value> {
        let path = self.user.tasks("?limit=1000");
        let (status, list) = answer(&self.user, Method::GET, &path, &Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        list.as_array().unwrap().clone()
    }
}

/// Sends a request. Returns the status and body of the answer; `null` if the body is empty.
async fn answer(user: &User, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = user.request(method, path);
    let request = if body.is_null() { request } else { request.json(body) };
    let response = request.send().await.unwrap();
    let (status, body) = (response.status(), response.bytes().await.unwrap());
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// Users of several servers on one database.
struct Crowd {
    readers: Vec<Reader>,
    writers: Vec<Writer>,
}

impl Crowd {
    async fn at(servers: &[&Server]) -> Self {
        let mut crowd = Self { readers: Vec::new(), writers: Vec::new() };
        for (number, server) in servers.iter().enumerate() {
            for user in 0..USERS {
                let reader = User::sign_up(servers[0], &format!("reader{user}at{number}")).await;
                crowd.readers.push(Reader::at(server, &reader).await);
                let writer = User::sign_up(servers[0], &format!("writer{user}at{number}")).await;
                crowd.writers.push(Writer::at(server, &writer));
            }
        }
        crowd
    }

    /// Sends that many requests of each user, all users concurrently. Returns how many writes were answered with 503; a
    /// read must never be.
    async fn work(&mut self, rounds: usize) -> usize {
        let reading = join_all(self.readers.iter().map(|reader| reader.work(rounds)));
        let writing = join_all(self.writers.iter_mut().map(|writer| writer.work(rounds)));
        join(reading, writing).await;
        for writer in &self.writers {
            assert_eq!(writer.list().await, writer.tasks);
        }
        self.writers.iter().map(|writer| writer.lost).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_behind_an_undeclared_pooler_do_not_mix_their_statements() {
    let (_, pooled) = direct_and_pooled();
    let first = server_on(&pooled);
    let second = first.again();
    let lost = Crowd::at(&[&first, &second]).await.work(250).await;
    assert_eq!(lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_appears_under_a_running_server_is_no_outage() {
    let (direct, pooled) = direct_and_pooled();
    let (proxy, url) = Proxy::before(&direct);
    let server = server_on(&url);
    let second = server.again();
    let mut crowd = Crowd::at(&[&server, &second]).await;
    assert_eq!(crowd.work(20).await, 0);

    let before = proxy.round_trips();
    let cut_under_load = async {
        until("requests are under way", async || proxy.round_trips() > before + 200).await;
        proxy.redirect(address_of(&pooled));
        proxy.cut();
    };
    let (lost, ()) = join(crowd.work(100), cut_under_load).await;
    // A broken connection affects at most the write in progress on it.
    assert!(lost <= 2 * CONNECTIONS, "{lost} writes were answered 503");
    assert_eq!(crowd.work(20).await, lost, "writes after the cut were answered 503");
    println!("a pooler appeared: {lost} writes were answered 503");
}

/// Asserts that each statement costs one round trip, on average over 50 requests of each kind.
async fn assert_one_round_trip_each(url: &str) {
    let (proxy, url) = Proxy::before(url);
    let server = Server::start_with(&[
        ("DATABASE_URL", &url),
        ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1"),
        ("TASKBRIDGE__SERVER__WORKERS", "1"),
    ]);
    let ann = User::sign_up(&server, "ann").await;
    let task = ann.add(json!({ "title": "x" })).await;
    let one = ann.tasks(&format!("/{}", task["id"]));
    for (method, path) in [(Method::GET, one), (Method::GET, ann.tasks("")), (Method::POST, ann.tasks(""))] {
        let body = if method == Method::POST { json!({ "title": "x" }) } else { Value::Null };
        let cost_of = async |count| {
            let before = proxy.round_trips();
            for _ in 0..count {
                assert!(answer(&ann, method.clone(), &path, &body).await.0.is_success());
            }
            proxy.round_trips() - before
        };
        cost_of(10).await;
        // A connection that was idle for a second is tested first, which a busy machine can cause; the cheapest series
        // counts.
        let costs = [cost_of(50).await, cost_of(50).await, cost_of(50).await];
        assert_eq!(costs.iter().min(), Some(&50), "{method} {path}: {costs:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_one_round_trip_to_the_database() {
    assert_one_round_trip_each(&fresh_database()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_one_round_trip_to_a_declared_pooler() {
    assert_one_round_trip_each(&format!("{}?pgbouncer=true", direct_and_pooled().1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_costs_one_round_trip_to_an_undeclared_pooler() {
    assert_one_round_trip_each(&direct_and_pooled().1).await;
}
