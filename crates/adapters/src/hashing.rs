//! Threads for work that keeps a core busy for a large part of a second.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use taskbridge_domain::ports::HashError;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads of the lowest priority, with a bounded queue before them. They end when this is
/// dropped.
pub(crate) struct HashingThreads {
    jobs: SyncSender<Job>,
}

impl HashingThreads {
    /// Starts `threads` threads; at most `queue` jobs wait for one.
    pub(crate) fn start(threads: usize, queue: usize) -> std::io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = Arc::clone(&waiting);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work(&waiting))?;
        }
        Ok(Self { jobs })
    }

    /// The answer of `job`, run by one of the threads.
    ///
    /// A job whose caller has gone before it starts is skipped: a client that hangs up costs nothing.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            if !answer.is_closed() {
                let _ = answer.send(job());
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HashError::Busy,
            TrySendError::Disconnected(_) => HashError::Failed("no hashing thread is left".into()),
        })?;
        answered.await.map_err(|lost| HashError::Failed(Box::new(lost)))
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    lower_priority();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            // A job that panics loses its answer, not the thread.
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            Err(_closed) => return,
        }
    }
}

/// Requests come first: a storm of sign-ins takes only what they leave. On Linux niceness is a thread's own;
/// elsewhere it is the process's, so it stays.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::warn!(%error, "hashing threads keep the normal priority");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_full_queue_answers_busy_at_once_and_recovers() {
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
        // The thread is taken; one job may wait, the next may not.
        let mut waiting = Box::pin(threads.run(|| "waited"));
        assert!(futures_pending(&mut waiting).await);
        assert!(matches!(threads.run(|| "too many").await, Err(HashError::Busy)));
        release.send(()).unwrap();
        running.await.unwrap().unwrap();
        assert_eq!(waiting.await.unwrap(), "waited");
        assert_eq!(threads.run(|| "again").await.unwrap(), "again");
    }

    #[tokio::test]
    async fn a_job_whose_caller_has_gone_is_skipped() {
        static RAN: AtomicBool = AtomicBool::new(false);
        let threads = HashingThreads::start(1, 2).unwrap();
        let (release, released) = channel::<()>();
        let mut first = Box::pin(threads.run(move || released.recv()));
        assert!(futures_pending(&mut first).await);
        let mut abandoned = Box::pin(threads.run(|| RAN.store(true, Ordering::SeqCst)));
        assert!(futures_pending(&mut abandoned).await);
        drop(abandoned);
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        threads.run(|| ()).await.unwrap();
        assert!(!RAN.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_alone() {
        let threads = HashingThreads::start(1, 1).unwrap();
        assert!(matches!(threads.run(|| panic!("on purpose")).await, Err::<(), _>(HashError::Failed(_))));
        assert_eq!(threads.run(|| 1).await.unwrap(), 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_have_the_lowest_priority_and_the_rest_of_the_process_has_not() {
        let threads = HashingThreads::start(1, 1).unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(threads.run(nice).await.unwrap(), 19);
        assert_eq!(nice(), before);
    }

    /// Polls once.
    async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
        })
        .await
    }
}
