//! Processes are killed while clients write. In the end, every acknowledged write is stored, and none twice.

use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::postgres::Cluster;
use support::{Forge, Server, User};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

const WRITERS: usize = 8;
const KILLS: usize = 4;
/// Number of acknowledged writes between two kills.
const BETWEEN_KILLS: usize = 40;
const PATIENCE: Duration = Duration::from_mins(1);

/// What a client knows: its user, and the titles of its acknowledged writes.
struct Ledger {
    user: User,
    acknowledged: Vec<String>,
    asked: usize,
}

/// The running server, and the number of acknowledged writes.
struct Drill {
    server: Mutex<Server>,
    count: AtomicUsize,
    is_over: AtomicBool,
}

impl Drill {
    fn begin(server: Server) -> Arc<Self> {
        Arc::new(Self { server: Mutex::new(server), count: AtomicUsize::new(0), is_over: AtomicBool::new(false) })
    }

    async fn writers(self: &Arc<Self>) -> Vec<JoinHandle<Ledger>> {
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            let user = User::sign_up(&*self.server.lock().await, &format!("writer{number}")).await;
            writers.push(tokio::spawn(Arc::clone(self).write(user)));
        }
        writers
    }

    /// Never sends the same title twice: a write without an acknowledgement may be stored, but only once.
    async fn write(self: Arc<Self>, user: User) -> Ledger {
        let http = reqwest::Client::new();
        let mut ledger = Ledger { user, acknowledged: Vec::new(), asked: 0 };
        while !self.is_over.load(Ordering::SeqCst) {
            let title = format!("write {}", ledger.asked);
            ledger.asked += 1;
            let (url, token) = {
                let server = self.server.lock().await;
                (server.url(&ledger.user.tasks("")), Forge::of(&server).token(&ledger.user.id))
            };
            let request = http.post(url).bearer_auth(token).json(&json!({ "title": title }));
            if let Ok(response) = request.timeout(Duration::from_secs(10)).send().await
                && response.status() == StatusCode::CREATED
            {
                ledger.acknowledged.push(title);
                self.count.fetch_add(1, Ordering::SeqCst);
            }
            tokio::task::yield_now().await;
        }
        ledger
    }

    /// Waits for that many further writes. Returns how long the first of them took.
    async fn until_more_are_acknowledged(&self) -> Duration {
        let (before, started) = (self.count.load(Ordering::SeqCst), Instant::now());
        let mut first = None;
        loop {
            let more = self.count.load(Ordering::SeqCst) - before;
            if more > 0 {
                first.get_or_insert_with(|| started.elapsed());
            }
            if more >= BETWEEN_KILLS {
                return first.unwrap_or_default();
            }
            assert!(started.elapsed() < PATIENCE, "no write is acknowledged any more");
            tokio::task::yield_now().await;
        }
    }

    async fn kill_server(&self) {
        let mut server = self.server.lock().await;
        server.kill();
        *server = server.again();
    }

    /// Stops the clients, and compares what they know with what is stored.
    async fn settle(&self, writers: Vec<JoinHandle<Ledger>>) -> String {
        self.is_over.store(true, Ordering::SeqCst);
        let server = self.server.lock().await;
        let (mut asked, mut acknowledged, mut unasked) = (0, 0, 0);
        for writer in writers {
            let ledger = writer.await.unwrap();
            let token = Forge::of(&server).token(&ledger.user.id);
            let url = server.url(&ledger.user.tasks("?limit=1000"));
            let list = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
            let list: Vec<Value> = list.json().await.unwrap();
            let mut times: HashMap<&str, usize> = HashMap::new();
            for task in &list {
                *times.entry(task["title"].as_str().unwrap()).or_default() += 1;
            }
            assert!(times.values().all(|&times| times == 1), "a write is there twice");
            let missing: Vec<_> =
                ledger.acknowledged.iter().filter(|title| !times.contains_key(title.as_str())).collect();
            assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
            assert!(list.len() < 1000, "the list does not show all");
            asked += ledger.asked;
            acknowledged += ledger.acknowledged.len();
            unasked += list.len() - ledger.acknowledged.len();
        }
        format!(
            "{asked} writes asked for, {acknowledged} acknowledged and all there once, {unasked} there unacknowledged"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills_on_sqlite() {
    let drill = Drill::begin(Server::start_with(&[("DATABASE_URL", "sqlite://ledger.db")]));
    let writers = drill.writers().await;
    let mut outage = Duration::ZERO;
    for _ in 0..KILLS {
        drill.until_more_are_acknowledged().await;
        drill.kill_server().await;
        outage = outage.max(drill.until_more_are_acknowledged().await);
    }
    println!("ledger on SQLite, {KILLS} kills: {}; longest outage {outage:?}", drill.settle(writers).await);
    let file = drill.server.lock().await.folder().join("ledger.db");
    let check =
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone())";
    let checked = Command::new("python3").args(["-c", check]).arg(file).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stdout), "ok\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_kills_on_postgres() {
    let mut cluster = Cluster::start();
    let drill = Drill::begin(Server::start_with(&[("DATABASE_URL", &cluster.url())]));
    let writers = drill.writers().await;
    let mut outage = Duration::ZERO;
    for kill in 0..KILLS {
        drill.until_more_are_acknowledged().await;
        if kill % 2 == 0 {
            drill.kill_server().await;
        } else {
            cluster.kill();
            cluster.start_again();
        }
        outage = outage.max(drill.until_more_are_acknowledged().await);
    }
    println!("ledger on PostgreSQL, {KILLS} kills: {}; longest outage {outage:?}", drill.settle(writers).await);
}
