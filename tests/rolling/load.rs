//! Clients that work until the test ends them.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::Client;
use crate::replicas::Replicas;

const CLIENTS: usize = 4;

/// Number of rounds of each client between two events.
const ROUNDS: usize = 6;

/// Time after which a test fails instead of hanging.
const PATIENCE: Duration = Duration::from_mins(5);

/// The running clients.
pub(crate) struct Load {
    is_over: watch::Sender<bool>,
    clients: Vec<(watch::Receiver<usize>, JoinHandle<Client>)>,
}

impl Load {
    pub(crate) async fn start(replicas: &Replicas) -> Self {
        let is_over = watch::Sender::new(false);
        let start = async |number| {
            let mut client = Client::sign_up(replicas.clone(), format!("Client{number}")).await;
            let (done, rounds) = watch::channel(0);
            let is_over = is_over.subscribe();
            let work = tokio::spawn(async move {
                while !*is_over.borrow() {
                    client.round().await;
                    done.send_modify(|rounds| *rounds += 1);
                }
                client
            });
            (rounds, work)
        };
        let clients = join_all((0..CLIENTS).map(start)).await;
        Self { is_over, clients }
    }

    /// Waits until every client has done some more rounds.
    pub(crate) async fn advance(&mut self) {
        for (rounds, work) in &mut self.clients {
            let target = *rounds.borrow() + ROUNDS;
            let reached = timeout(PATIENCE, rounds.wait_for(|&rounds| rounds >= target)).await;
            if reached.expect("a client makes no progress").is_err() {
                // The client has panicked.
                work.await.unwrap();
            }
        }
    }

    /// Lets every client finish its round, and check what was acknowledged to it.
    pub(crate) async fn finish(self) -> String {
        self.is_over.send_replace(true);
        let (mut tasks, mut users) = (0, 0);
        for (_, work) in self.clients {
            let found = work.await.unwrap().finish().await;
            tasks += found.0;
            users += found.1;
        }
        format!("{tasks} tasks and {users} further users as acknowledged")
    }
}
