//! Clients that add tasks until they are stopped, and remember which of them were acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde_json::json;
use support::User;
use tokio::task::{JoinHandle, yield_now};

const CLIENTS: usize = 8;
/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(1);

/// Running clients of one user.
pub(crate) struct Writers {
    clients: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    record: Mutex<Record>,
    bases: Mutex<Vec<String>>,
    is_stopping: AtomicBool,
}

/// What the clients know.
#[derive(Debug, Default, Clone)]
pub(crate) struct Record {
    /// The titles of the tasks whose creation was acknowledged. No title is sent twice.
    pub(crate) acknowledged: BTreeSet<String>,
    /// The other answers and errors.
    pub(crate) failures: Vec<String>,
}

impl Writers {
    /// Starts the clients, each of which sends its requests to these servers in turn.
    pub(crate) fn start(user: &User, bases: &[&str]) -> Self {
        let shared = Arc::new(Shared::default());
        let writers = Self { shared: Arc::clone(&shared), clients: Vec::new() };
        writers.send_to(bases);
        let clients = (0..CLIENTS).map(|number| tokio::spawn(write(Arc::clone(&shared), user.clone(), number)));
        Self { clients: clients.collect(), shared }
    }

    /// Sends further requests to these servers.
    pub(crate) fn send_to(&self, bases: &[&str]) {
        let bases = bases.iter().map(|&base| base.to_owned()).collect();
        *self.shared.bases.lock().unwrap() = bases;
    }

    /// Returns what the clients know now.
    pub(crate) fn record(&self) -> Record {
        self.shared.record.lock().unwrap().clone()
    }

    /// Waits until this many further tasks are acknowledged.
    pub(crate) async fn until_acknowledged(&self, count: usize) {
        let (before, started) = (self.record().acknowledged.len(), Instant::now());
        while self.record().acknowledged.len() < before + count {
            assert!(started.elapsed() < PATIENCE, "no task is acknowledged any more: {:?}", self.record().failures);
            yield_now().await;
        }
    }

    /// Stops the clients after their current requests.
    pub(crate) async fn stop(self) -> Record {
        self.shared.is_stopping.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        self.shared.record.lock().unwrap().clone()
    }
}

async fn write(shared: Arc<Shared>, user: User, client: usize) {
    let http = Client::new();
    for number in client.. {
        if shared.is_stopping.load(Ordering::Relaxed) {
            return;
        }
        let base = {
            let bases = shared.bases.lock().unwrap();
            bases[number % bases.len()].clone()
        };
        let title = format!("{client} wrote {number}");
        let request = http.post(format!("{base}{}", user.tasks(""))).bearer_auth(&user.token);
        let answer = request.json(&json!({ "title": title })).send().await;
        let mut record = shared.record.lock().unwrap();
        match answer {
            Ok(answer) if answer.status() == StatusCode::CREATED => drop(record.acknowledged.insert(title)),
            Ok(answer) => record.failures.push(answer.status().to_string()),
            Err(error) => record.failures.push(format!("{error:?}")),
        }
    }
}
