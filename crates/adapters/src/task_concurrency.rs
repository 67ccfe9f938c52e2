//! Limits how many statements on the tasks of one owner run at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use taskbridge_domain::ports::{CreateTaskError, StoreError, TaskRepo};
use taskbridge_domain::tasks::{NewTask, Task, TaskFilter, TaskId, TaskPage, TaskPatch, TaskQuery};
use taskbridge_domain::users::UserId;
use taskbridge_domain::{Owner, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Configuration of a [`ConcurrencyLimitedTaskRepo`].
#[derive(Debug, Clone, Copy)]
pub struct TaskConcurrency {
    /// Maximum number of statements that run at the same time for each owner.
    pub max_per_owner: usize,
    /// Maximum time that a statement waits for others of the same owner.
    pub wait: Duration,
}

/// A [`TaskRepo`] that limits how many statements of each owner run at the same time on another repository.
///
/// The other statements of the owner wait in the order of their arrival, before they use a database connection, so that
/// they do not delay the statements of other owners. A statement that waits for too long fails with
/// [`StoreError::Unavailable`].
pub struct ConcurrencyLimitedTaskRepo<R> {
    repo: R,
    limit: TaskConcurrency,
    owners: Mutex<HashMap<UserId, OwnerState>>,
}

/// The statements of one owner that run or wait. There are always some; the state is removed with the last.
struct OwnerState {
    permits: Arc<Semaphore>,
    statements: usize,
}

/// Counts a statement as running or waiting until it is dropped.
struct Counted<'a, R> {
    repo: &'a ConcurrencyLimitedTaskRepo<R>,
    owner: &'a Owner,
}

impl<R> Drop for Counted<'_, R> {
    fn drop(&mut self) {
        let mut owners = self.repo.owners();
        if let Some(state) = owners.get_mut(self.owner.id()) {
            state.statements -= 1;
            if state.statements == 0 {
                owners.remove(self.owner.id());
            }
        }
    }
}

impl<R: TaskRepo> ConcurrencyLimitedTaskRepo<R> {
    /// Limits the statements on `repo`.
    pub fn new(repo: R, limit: TaskConcurrency) -> Self {
        Self { repo, limit, owners: Mutex::default() }
    }

    /// Runs `statement` as soon as the limit allows it.
    async fn limited<T, E: From<StoreError>>(
        &self,
        owner: &Owner,
        statement: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // `_counted` is dropped last, so that the owner's state is removed only when no statement uses it.
        let (_counted, permits) = self.enter(owner);
        let Ok(Ok(_permit)) = timeout(self.limit.wait, permits.acquire()).await else {
            return Err(StoreError::Unavailable("too many requests of this user at the same time".into()).into());
        };
        statement.await
    }

    /// Counts a statement of `owner`, and returns the permits to run it.
    fn enter<'a>(&'a self, owner: &'a Owner) -> (Counted<'a, R>, Arc<Semaphore>) {
        let mut owners = self.owners();
        let state = owners.entry(owner.id().clone()).or_insert_with(|| OwnerState {
            permits: Arc::new(Semaphore::new(self.limit.max_per_owner)),
            statements: 0,
        });
        state.statements += 1;
        (Counted { repo: self, owner }, Arc::clone(&state.permits))
    }
}

impl<R> ConcurrencyLimitedTaskRepo<R> {
    fn owners(&self) -> MutexGuard<'_, HashMap<UserId, OwnerState>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<R: TaskRepo> TaskRepo for ConcurrencyLimitedTaskRepo<R> {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.limited(owner, self.repo.list(owner, query)).await
    }

    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        self.limited(owner, self.repo.count(owner, filter)).await
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.limited(owner, self.repo.find(owner, id)).await
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError> {
        self.limited(owner, self.repo.create(owner, task, now)).await
    }

    async fn update(
        &self,
        owner: &Owner,
        id: TaskId,
        patch: TaskPatch,
        now: Timestamp,
    ) -> Result<Option<Task>, StoreError> {
        self.limited(owner, self.repo.update(owner, id, patch, now)).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        self.limited(owner, self.repo.toggle(owner, id, now)).await
    }

    async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
        self.limited(owner, self.repo.delete(owner, id)).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use taskbridge_domain::testing::fixtures::{moment, new_task, owner};
    use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;
    use tokio::task::yield_now;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    /// Tasks in memory. Counting the tasks of `blocked` waits for a permit of `gate`, and records how many calls wait.
    struct Gated {
        tasks: InMemoryTaskRepo,
        gate: Semaphore,
        inside: AtomicUsize,
        finished: Mutex<Vec<bool>>,
    }

    #[async_trait]
    impl TaskRepo for Gated {
        async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
            self.tasks.list(owner, query).await
        }

        async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
            if owner.id().as_str() == "blocked" {
                self.inside.fetch_add(1, Ordering::Relaxed);
                self.gate.acquire().await.unwrap().forget();
                self.inside.fetch_sub(1, Ordering::Relaxed);
                self.finished.lock().unwrap().push(filter.completed == Some(true));
            }
            self.tasks.count(owner, filter).await
        }

        async fn find(&self, _: &Owner, _: TaskId) -> Result<Option<Task>, StoreError> {
            pending().await
        }

        async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateTaskError> {
            self.tasks.create(owner, task, now).await
        }

        async fn update(
            &self,
            owner: &Owner,
            id: TaskId,
            patch: TaskPatch,
            now: Timestamp,
        ) -> Result<Option<Task>, StoreError> {
            self.tasks.update(owner, id, patch, now).await
        }

        async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
            self.tasks.toggle(owner, id, now).await
        }

        async fn delete(&self, owner: &Owner, id: TaskId) -> Result<bool, StoreError> {
            self.tasks.delete(owner, id).await
        }
    }

    fn limited_to(max_per_owner: usize) -> Arc<ConcurrencyLimitedTaskRepo<Gated>> {
        let repo = Gated {
            tasks: InMemoryTaskRepo::default(),
            gate: Semaphore::new(0),
            inside: AtomicUsize::new(0),
            finished: Mutex::default(),
        };
        Arc::new(ConcurrencyLimitedTaskRepo::new(repo, TaskConcurrency { max_per_owner, wait: WAIT }))
    }

    /// Starts to count the tasks of the owner `blocked`.
    fn start(
        repo: &Arc<ConcurrencyLimitedTaskRepo<Gated>>,
        completed: bool,
    ) -> tokio::task::JoinHandle<Result<u64, StoreError>> {
        let repo = Arc::clone(repo);
        tokio::spawn(async move {
            let filter = TaskFilter { completed: Some(completed), ..TaskFilter::default() };
            repo.count(&owner("blocked").await, &filter).await
        })
    }

    /// Waits until this many statements of the owner `blocked` run or wait.
    async fn until_counted(repo: &ConcurrencyLimitedTaskRepo<Gated>, statements: usize) {
        let counted = || repo.owners().values().map(|state| state.statements).sum::<usize>();
        while counted() != statements {
            yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_statements_of_one_owner_beyond_the_limit_wait_and_those_of_others_do_not() {
        let repo = limited_to(2);
        let started: Vec<_> = (0..7).map(|_| start(&repo, false)).collect();
        until_counted(&repo, 7).await;
        assert_eq!(repo.repo.inside.load(Ordering::Relaxed), 2);

        let other = owner("other").await;
        repo.create(&other, new_task(), moment()).await.unwrap();
        assert_eq!(repo.list(&other, &TaskQuery::default()).await.unwrap().tasks.len(), 1);
        assert_eq!(repo.repo.inside.load(Ordering::Relaxed), 2);

        for left in (0..7).rev() {
            repo.repo.gate.add_permits(1);
            until_counted(&repo, left).await;
            assert_eq!(repo.repo.inside.load(Ordering::Relaxed), left.min(2));
        }
        for result in join_all(started).await {
            assert_eq!(result.unwrap().unwrap(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn statements_of_one_owner_run_in_the_order_of_their_arrival() {
        let repo = limited_to(1);
        let order = [true, false, false, true, false];
        for (count, completed) in order.into_iter().enumerate() {
            start(&repo, completed);
            until_counted(&repo, count + 1).await;
        }
        repo.repo.gate.add_permits(order.len());
        until_counted(&repo, 0).await;
        assert_eq!(*repo.repo.finished.lock().unwrap(), order);
    }

    #[tokio::test(start_paused = true)]
    async fn a_statement_that_waits_for_too_long_fails() {
        let repo = limited_to(1);
        let running = start(&repo, false);
        until_counted(&repo, 1).await;
        let blocked = owner("blocked").await;
        let begin = tokio::time::Instant::now();
        let read = repo.list(&blocked, &TaskQuery::default()).await;
        assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
        assert_eq!(begin.elapsed(), WAIT);
        let written = repo.create(&blocked, new_task(), moment()).await;
        assert!(matches!(written, Err(CreateTaskError::Store(StoreError::Unavailable(_)))), "{written:?}");

        repo.repo.gate.add_permits(1);
        running.await.unwrap().unwrap();
        assert!(repo.list(&blocked, &TaskQuery::default()).await.unwrap().tasks.is_empty());
    }

    /// The state of an owner takes memory only while a statement of this owner runs or waits.
    #[tokio::test(start_paused = true)]
    async fn dropped_statements_leave_no_state_behind() {
        let repo = limited_to(1);
        let blocked = owner("blocked").await;
        let query = TaskQuery::default();
        let (running, waiting) = (repo.find(&blocked, TaskId::new(1)), repo.list(&blocked, &query));
        let both = async { tokio::join!(running, waiting) };
        assert!(timeout(WAIT / 2, both).await.is_err());
        assert!(repo.owners().is_empty());
        assert!(repo.list(&blocked, &TaskQuery::default()).await.is_ok());
        assert!(repo.owners().is_empty());
    }
}
