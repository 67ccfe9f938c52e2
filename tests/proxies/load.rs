//! Clients that send requests through the proxy until they are stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use support::User;
use tokio::task::{JoinHandle, yield_now};

use crate::tls::client;

/// Clients, each of which sends one request after another.
pub(crate) struct Load {
    clients: Vec<JoinHandle<Outcome>>,
    /// Number of answers that each client has received.
    answered: Arc<[AtomicUsize]>,
    is_stopping: Arc<AtomicBool>,
}

/// The answers that clients have received.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) answered: usize,
    /// Number of tasks that were added.
    pub(crate) added: usize,
    /// The requests that failed, with their status or error.
    pub(crate) failures: Vec<String>,
}

impl Load {
    /// Starts `count` clients that add, read and change tasks of `user` at this address.
    pub(crate) fn start(address: &str, user: &User, count: usize) -> Self {
        let answered: Arc<[_]> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let client = |number: usize| {
            let (answered, is_stopping) = (Arc::clone(&answered), Arc::clone(&is_stopping));
            let tasks = format!("http://{address}{}", user.tasks(""));
            let token = user.token.clone();
            tokio::spawn(async move {
                let http = client();
                let mut outcome = Outcome::default();
                while !is_stopping.load(Ordering::Relaxed) {
                    let add = http.post(&tasks).json(&json!({ "title": "x" }));
                    if let Some(task) = outcome.send("POST", add, &token).await {
                        outcome.added += 1;
                        let task = format!("{tasks}/{}", task["id"]);
                        outcome.send("GET", http.get(&task), &token).await;
                        outcome.send("PATCH", http.patch(&task).json(&json!({ "completed": true })), &token).await;
                    }
                    answered[number].store(outcome.answered, Ordering::Relaxed);
                }
                outcome
            })
        };
        let clients = (0..count).map(client).collect();
        Self { clients, answered, is_stopping }
    }

    /// Waits until each client has received at least `count` further answers.
    pub(crate) async fn until_each_has_been_answered(&self, count: usize) {
        let now: Vec<_> = self.answered.iter().map(|answered| answered.load(Ordering::Relaxed)).collect();
        for (answered, now) in self.answered.iter().zip(now) {
            while answered.load(Ordering::Relaxed) < now + count {
                yield_now().await;
            }
        }
    }

    /// Stops the clients after their current requests, and returns all their answers.
    pub(crate) async fn stop(self) -> Outcome {
        self.is_stopping.store(true, Ordering::Relaxed);
        let mut all = Outcome::default();
        for client in self.clients {
            let outcome = client.await.unwrap();
            all.answered += outcome.answered;
            all.added += outcome.added;
            all.failures.extend(outcome.failures);
        }
        all
    }
}

impl Outcome {
    /// Sends a request, and returns the body of a successful answer.
    async fn send(&mut self, method: &str, request: RequestBuilder, token: &str) -> Option<Value> {
        self.answered += 1;
        let failure = match request.bearer_auth(token).send().await {
            Ok(answer) if answer.status().is_success() => match answer.json().await {
                Ok(body) => return Some(body),
                Err(error) => format!("{method}: {error:?}"),
            },
            Ok(answer) => format!("{method}: {}", answer.status()),
            Err(error) => format!("{method}: {error:?}"),
        };
        self.failures.push(failure);
        None
    }
}
