//! Worker threads for password hashing. Each hash keeps a core busy for a large part of a second. If this happened on
//! the threads that serve HTTP requests, it would delay other requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use taskbridge_domain::client_network::ClientNetwork;
use taskbridge_domain::ports::HashError;
use tokio::sync::oneshot;

use super::fair_queue::FairQueue;

/// The load of the hashing threads: how many are busy, and how many passwords wait or were refused.
#[derive(Debug, Default)]
pub struct HashingLoad {
    waiting: AtomicUsize,
    busy: AtomicUsize,
    refused: AtomicU64,
}

impl HashingLoad {
    /// Returns the number of passwords that wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the number of threads that are hashing.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Returns the number of passwords that have been refused because the queue was full, since the threads were
    /// started.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// A fixed number of threads with the lowest priority and a bounded [`FairQueue`]. The threads end after this value is
/// dropped.
pub(super) struct HashingThreads(Arc<Shared>);

impl HashingThreads {
    /// Starts `threads` threads, with a queue of at most `queue` jobs, and at most `queue_per_network` of each client
    /// network.
    pub(super) fn start(threads: usize, queue: usize, queue_per_network: usize) -> std::io::Result<Self> {
        let jobs = Jobs { queue: FairQueue::new(queue, queue_per_network), next_id: 0, is_closed: false };
        let started = Self(Arc::new(Shared {
            jobs: Mutex::new(jobs),
            changed: Condvar::new(),
            load: Arc::new(HashingLoad::default()),
        }));
        for number in 0..threads {
            let shared = Arc::clone(&started.0);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || shared.work())?;
        }
        Ok(started)
    }

    pub(super) fn load(&self) -> Arc<HashingLoad> {
        Arc::clone(&self.0.load)
    }

    /// Runs `work` for a client on one of the hashing threads and returns its result. Returns `HashError::Busy` if the
    /// queue has no place for it, or no longer has one because another client network needs it.
    ///
    /// If this future is dropped before the work starts, for example because the client disconnects, the work leaves
    /// the queue.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        client: ClientNetwork,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (sender, receiver) = oneshot::channel();
        // If the work panics, only its caller gets an error; the thread continues with the next job.
        let job = move || _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        let _place = self.0.add(client, Box::new(job));
        match receiver.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_panic)) => Err(HashError::Failed("the hashing function panicked".into())),
            // The queue dropped the job, and with it the sender.
            Err(_refused) => Err(HashError::Busy),
        }
    }
}

impl Drop for HashingThreads {
    fn drop(&mut self) {
        self.0.jobs().is_closed = true;
        self.0.changed.notify_all();
    }
}

/// The state that the threads and the callers share.
struct Shared {
    jobs: Mutex<Jobs>,
    /// Notified when a job is added and when the threads must end.
    changed: Condvar,
    load: Arc<HashingLoad>,
}

struct Jobs {
    queue: FairQueue<Job>,
    next_id: u64,
    is_closed: bool,
}

struct Job {
    id: u64,
    work: Box<dyn FnOnce() + Send>,
}

/// The place of a job in the queue. When it is dropped, a job that has not started leaves the queue.
struct Place<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut jobs = self.shared.jobs();
        jobs.queue.retain(|job| job.id != self.id);
        self.shared.load.waiting.store(jobs.queue.len(), Ordering::Relaxed);
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job to the queue. If the queue is full, drops the job or one that waits.
    fn add(&self, client: ClientNetwork, work: Box<dyn FnOnce() + Send>) -> Place<'_> {
        let mut jobs = self.jobs();
        let id = jobs.next_id;
        jobs.next_id += 1;
        let refused = jobs.queue.push(client, Job { id, work });
        self.load.refused.fetch_add(refused.is_some().into(), Ordering::Relaxed);
        self.load.waiting.store(jobs.queue.len(), Ordering::Relaxed);
        self.changed.notify_one();
        Place { shared: self, id }
    }

    /// Waits for the next job. Returns `None` if the threads must end.
    fn next(&self) -> Option<Job> {
        let mut jobs = self.jobs();
        while !jobs.is_closed {
            if let Some(job) = jobs.queue.pop() {
                self.load.busy.fetch_add(1, Ordering::Relaxed);
                self.load.waiting.store(jobs.queue.len(), Ordering::Relaxed);
                return Some(job);
            }
            jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn work(&self) {
        lower_priority();
        while let Some(job) = self.next() {
            (job.work)();
            self.load.busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Gives the current thread the lowest priority, so that many sign-ins do not slow other requests down. Does nothing on
/// systems other than Linux, because there the priority would apply to the whole process.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::warn!(%error, "cannot lower the priority of the hashing threads");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::{BoxFuture, join_all};

    use super::*;

    fn network(address: &str) -> ClientNetwork {
        ClientNetwork::of(Some(address.parse().unwrap()))
    }

    /// Threads of which one is started, and is busy until a message is sent.
    struct Blocked {
        threads: Arc<HashingThreads>,
        release: Sender<()>,
        running: tokio::task::JoinHandle<Result<(), HashError>>,
    }

    impl Blocked {
        async fn start(queue: usize, queue_per_network: usize) -> Self {
            let threads = Arc::new(HashingThreads::start(1, queue, queue_per_network).unwrap());
            let (release, released) = channel::<()>();
            let (started, has_started) = oneshot::channel();
            let work = move || {
                started.send(()).unwrap();
                released.recv().unwrap();
            };
            let running = tokio::spawn({
                let threads = Arc::clone(&threads);
                async move { threads.run(ClientNetwork::UNKNOWN, work).await }
            });
            has_started.await.unwrap();
            Self { threads, release, running }
        }

        /// Lets the thread continue, and waits until the work that kept it busy has ended.
        async fn release(self) -> Arc<HashingThreads> {
            self.release.send(()).unwrap();
            self.running.await.unwrap().unwrap();
            self.threads
        }

        fn load(&self) -> (usize, usize, u64) {
            let load = self.threads.load();
            (load.waiting(), load.busy(), load.refused())
        }
    }

    /// Returns the result of a future that has ended, or `None`.
    fn ended<T>(future: &mut BoxFuture<'_, T>) -> Option<T> {
        future.now_or_never()
    }

    #[tokio::test]
    async fn a_full_queue_returns_busy_at_once_and_recovers() {
        let blocked = Blocked::start(1, 1).await;
        let threads = Arc::clone(&blocked.threads);
        let client = network("192.0.2.1");
        // The only thread is busy, and the queue has room for one job, so the next job waits and the one after it is
        // refused.
        let mut waiting = threads.run(client, || "waited").boxed();
        assert!(ended(&mut waiting).is_none());
        assert!(matches!(ended(&mut threads.run(client, || "too many").boxed()), Some(Err(HashError::Busy))));
        assert_eq!(blocked.load(), (1, 1, 1));
        blocked.release().await;
        assert_eq!(waiting.await.unwrap(), "waited");
        let load = threads.load();
        assert_eq!((load.waiting(), load.refused()), (0, 1));
        assert_eq!(threads.run(client, move || load.busy()).await.unwrap(), 1);
    }

    /// A client is served after one job of the network that has filled the queue, not after all of them.
    #[tokio::test]
    async fn a_flood_from_one_network_delays_another_by_one_job() {
        let blocked = Blocked::start(6, 5).await;
        let threads = Arc::clone(&blocked.threads);
        let (log, order) = channel();
        let run = |address: &str, name: &'static str| {
            let log = log.clone();
            let mut job = threads.run(network(address), move || log.send(name).unwrap()).boxed();
            (ended(&mut job), job)
        };
        // 16 addresses of one /60.
        let flood: Vec<_> = (0..16).map(|number| run(&format!("2001:db8:0:a0{number:x}::1"), "flood")).collect();
        assert_eq!(blocked.load(), (5, 1, 11));
        let (answered, user) = run("198.51.100.1", "user");
        assert!(answered.is_none());
        let (refused, accepted): (Vec<_>, Vec<_>) = flood.into_iter().partition(|(answered, _)| answered.is_some());
        assert!(refused.iter().all(|(answered, _)| matches!(answered, Some(Err(HashError::Busy)))));
        assert_eq!(refused.len(), 11);
        blocked.release().await;
        let jobs = accepted.into_iter().map(|(_, job)| job).chain([user]);
        assert!(join_all(jobs).await.iter().all(Result::is_ok));
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["flood", "user", "flood", "flood", "flood", "flood"]);
    }

    /// The caller of a job that loses its place gets an answer at once.
    #[tokio::test]
    async fn a_job_that_makes_room_for_another_network_returns_busy() {
        let blocked = Blocked::start(2, 2).await;
        let threads = Arc::clone(&blocked.threads);
        let mut jobs = ["192.0.2.1", "192.0.2.1", "198.51.100.1"].map(|from| threads.run(network(from), || ()).boxed());
        assert!(jobs.iter_mut().all(|job| ended(job).is_none()));
        let [mut first, mut second, mut other] = jobs;
        assert!(matches!(ended(&mut second), Some(Err(HashError::Busy))));
        assert!(ended(&mut first).is_none() && ended(&mut other).is_none());
        assert_eq!(blocked.load(), (2, 1, 1));
        blocked.release().await;
        assert!(first.await.is_ok() && other.await.is_ok());
    }

    #[tokio::test]
    async fn a_job_whose_caller_is_gone_leaves_the_queue() {
        let blocked = Blocked::start(2, 2).await;
        let threads = Arc::clone(&blocked.threads);
        let (log, order) = channel();
        let run = |name: &'static str| {
            let log = log.clone();
            let mut job = threads.run(network("192.0.2.1"), move || log.send(name).unwrap()).boxed();
            assert!(ended(&mut job).is_none());
            job
        };
        let (abandoned, first) = (run("abandoned"), run("first"));
        drop(abandoned);
        assert_eq!(blocked.load(), (1, 1, 0));
        // Its place is free again.
        let second = run("second");
        blocked.release().await;
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["first", "second"]);
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let threads = HashingThreads::start(1, 1, 1).unwrap();
        let client = ClientNetwork::UNKNOWN;
        assert!(matches!(threads.run(client, || panic!("on purpose")).await, Err::<(), _>(HashError::Failed(_))));
        assert_eq!(threads.run(client, || 1).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn the_threads_end_when_they_are_dropped() {
        let threads = HashingThreads::start(2, 1, 1).unwrap();
        let shared = Arc::downgrade(&threads.0);
        drop(threads);
        let ended = async {
            while shared.strong_count() > 0 {
                tokio::task::yield_now().await;
            }
        };
        // A timeout after which the test fails instead of hanging.
        tokio::time::timeout(Duration::from_mins(1), ended).await.unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_hashing_threads_have_the_lowest_priority() {
        let threads = HashingThreads::start(1, 1, 1).unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(threads.run(ClientNetwork::UNKNOWN, nice).await.unwrap(), 19);
        assert_eq!(nice(), before);
    }
}
