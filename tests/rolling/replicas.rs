//! The replicas that clients use, as behind a load balancer that notices a stop late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::Server;
use tokio::sync::watch;

/// The replicas in service.
#[derive(Clone)]
pub(crate) struct Replicas(watch::Sender<Vec<Arc<Replica>>>);

/// A replica, as its clients see it.
pub(crate) struct Replica {
    pub(crate) base: String,
    is_stopping: AtomicBool,
}

/// A replica, and the server that it is.
pub(crate) struct Running {
    pub(crate) replica: Arc<Replica>,
    server: Server,
}

impl Replica {
    /// Returns `true` if requests may fail, because the server has received the signal to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }
}

impl Replicas {
    pub(crate) fn none() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    /// Starts a replica while the clients continue, and puts it into service.
    pub(crate) fn add(&self, start: impl FnOnce() -> Server) -> Running {
        let server = tokio::task::block_in_place(start);
        let replica = Arc::new(Replica { base: server.base.clone(), is_stopping: AtomicBool::new(false) });
        self.0.send_modify(|replicas| replicas.push(Arc::clone(&replica)));
        Running { replica, server }
    }

    /// Stops a replica in service. Takes it out of service once it has stopped.
    pub(crate) fn stop(&self, mut running: Running) {
        running.replica.is_stopping.store(true, Ordering::SeqCst);
        running.server.terminate();
        let status = tokio::task::block_in_place(|| running.server.wait());
        assert!(status.success(), "{status}: {}", running.server.log.text());
        self.0.send_modify(|replicas| replicas.retain(|replica| !Arc::ptr_eq(replica, &running.replica)));
    }

    /// Returns the replica whose turn it is. If none is in service, waits for one.
    pub(crate) async fn next(&self, turn: usize) -> Arc<Replica> {
        let mut changes = self.0.subscribe();
        let replicas = changes.wait_for(|replicas| !replicas.is_empty()).await.unwrap();
        Arc::clone(&replicas[turn % replicas.len()])
    }
}
