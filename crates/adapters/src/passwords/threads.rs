//! Worker threads for password hashing. Each hash keeps a core busy for a large part of a second. If this happened on
//! the threads that serve HTTP requests, it would delay other requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use taskbridge_domain::ports::HashError;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

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

/// A fixed number of threads with the lowest priority and a bounded queue. The threads end after this value is dropped.
pub(super) struct HashingThreads {
    jobs: SyncSender<Job>,
    load: Arc<HashingLoad>,
}

impl HashingThreads {
    /// Starts `threads` threads, with a queue of at most `queue` jobs.
    pub(super) fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        let load = Arc::new(HashingLoad::default());
        for number in 0..threads {
            let (waiting, load) = (Arc::clone(&waiting), Arc::clone(&load));
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work(&waiting, &load))?;
        }
        Ok(Self { jobs, load })
    }

    pub(super) fn load(&self) -> Arc<HashingLoad> {
        Arc::clone(&self.load)
    }

    /// Runs `job` on one of the hashing threads and returns its result. Returns `HashError::Busy` at once if the queue
    /// is full.
    ///
    /// The job is skipped if this future is dropped before the job starts, for example because the client disconnects.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move || {
            if !sender.is_closed() {
                let _ = sender.send(job());
            }
        });
        // The job is counted as waiting before it is sent, because a thread may take it at once and subtract it from
        // the count.
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|error| {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    self.load.refused.fetch_add(1, Ordering::Relaxed);
                    HashError::Busy
                }
                TrySendError::Disconnected(_) => HashError::Failed("all hashing threads have ended".into()),
            }
        })?;
        receiver.await.map_err(|panicked| HashError::Failed(Box::new(panicked)))
    }
}

fn work(waiting: &Mutex<Receiver<Job>>, load: &HashingLoad) {
    lower_priority();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        load.waiting.fetch_sub(1, Ordering::Relaxed);
        load.busy.fetch_add(1, Ordering::Relaxed);
        // If the job panics, only its caller gets an error; the thread continues with the next job.
        drop(catch_unwind(AssertUnwindSafe(job)));
        load.busy.fetch_sub(1, Ordering::Relaxed);
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
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_returns_busy_at_once_and_recovers() {
        let threads = Arc::new(HashingThreads::start(1, 1).unwrap());
        let (release, released) = channel::<()>();
        let (started, has_started) = oneshot::channel();
        let running = tokio::spawn({
            let threads = Arc::clone(&threads);
            async move {
                threads
                    .run(move || {
                        started.send(()).unwrap();
                        released.recv().unwrap();
                    })
                    .await
            }
        });
        has_started.await.unwrap();
        // The only thread is busy, and the queue has room for one job, so the next job waits and the one after it is
        // refused.
        let mut waiting = Box::pin(threads.run(|| "waited"));
        assert!(is_pending(&mut waiting).await);
        assert!(matches!(threads.run(|| "too many").await, Err(HashError::Busy)));
        let load = threads.load();
        assert_eq!((load.waiting(), load.busy(), load.refused()), (1, 1, 1));
        release.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert_eq!(waiting.await.unwrap(), "waited");
        assert_eq!((load.waiting(), load.refused()), (0, 1));
        assert_eq!(threads.run(move || load.busy()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_job_whose_caller_is_gone_is_skipped() {
        static RAN: AtomicBool = AtomicBool::new(false);
        let threads = HashingThreads::start(1, 2).unwrap();
        let (release, released) = channel::<()>();
        let mut first = Box::pin(threads.run(move || released.recv()));
        assert!(is_pending(&mut first).await);
        let mut abandoned = Box::pin(threads.run(|| RAN.store(true, Ordering::SeqCst)));
        assert!(is_pending(&mut abandoned).await);
        drop(abandoned);
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        threads.run(|| ()).await.unwrap();
        assert!(!RAN.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let threads = HashingThreads::start(1, 1).unwrap();
        assert!(matches!(threads.run(|| panic!("on purpose")).await, Err::<(), _>(HashError::Failed(_))));
        assert_eq!(threads.run(|| 1).await.unwrap(), 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_the_hashing_threads_have_the_lowest_priority() {
        let threads = HashingThreads::start(1, 1).unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(threads.run(nice).await.unwrap(), 19);
        assert_eq!(nice(), before);
    }

    /// Polls the future once, and returns `true` if it has not finished.
    async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
