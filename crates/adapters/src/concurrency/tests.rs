use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use taskbridge_domain::ports::RateLimiter;
use taskbridge_domain::rate_limit::{Decision, RateLimit, WindowStart};
use taskbridge_domain::tasks::{
    Cursor, NewTask, PageStart, SearchText, SortDirection, SortValue, TaskOrder, TaskPage, TaskPatch, TaskQuery,
    TitlePrefix,
};
use taskbridge_domain::testing::fixtures::{moment, new_task, owner};
use taskbridge_domain::testing::in_memory::InMemoryTaskRepo;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, timeout};

use super::*;
use crate::statement_permit::StatementPermit;

const WAIT: Duration = Duration::from_secs(5);

/// Tasks in memory. To find or count tasks waits for a permit of `gate`.
#[derive(Default)]
struct Gated {
    tasks: InMemoryTaskRepo,
    gate: Gate,
    /// The permits of abandoned statements, which the database has not ended.
    abandoned: Mutex<Vec<StatementPermit>>,
}

/// Lets statements run one by one, and records which have run.
struct Gate {
    permits: Semaphore,
    inside: AtomicUsize,
    finished: Mutex<Vec<String>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { permits: Semaphore::new(0), inside: AtomicUsize::new(0), finished: Mutex::default() }
    }
}

impl Gate {
    async fn pass(&self, name: String) {
        self.inside.fetch_add(1, Ordering::Relaxed);
        self.permits.acquire().await.unwrap().forget();
        self.inside.fetch_sub(1, Ordering::Relaxed);
        self.finished.lock().unwrap().push(name);
    }
}

#[async_trait]
impl OwnedRepo<Task> for Gated {
    async fn list(&self, owner: &Owner, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.tasks.list(owner, query).await
    }

    async fn find(&self, owner: &Owner, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.gate.pass(id.number().to_string()).await;
        self.tasks.find(owner, id).await
    }

    async fn create(&self, owner: &Owner, task: NewTask, now: Timestamp) -> Result<Task, CreateError> {
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

    async fn delete(&self, _: &Owner, _: TaskId) -> Result<bool, StoreError> {
        self.abandoned.lock().unwrap().extend(StatementPermit::current());
        Ok(false)
    }
}

#[async_trait]
impl TaskRepo for Gated {
    async fn count(&self, owner: &Owner, filter: &TaskFilter) -> Result<u64, StoreError> {
        self.gate.pass(format!("search of {}", owner.id().as_str())).await;
        self.tasks.count(owner, filter).await
    }

    async fn toggle(&self, owner: &Owner, id: TaskId, now: Timestamp) -> Result<Option<Task>, StoreError> {
        self.tasks.toggle(owner, id, now).await
    }
}

#[async_trait]
impl RateLimiter for Gate {
    async fn hit(&self, key: &str, _: RateLimit, _: Timestamp) -> Result<Decision, StoreError> {
        self.pass(key.to_owned()).await;
        Ok(if key == "refused" { Decision::Refused { retry_after_seconds: 4 } } else { Decision::Allowed })
    }

    async fn undo_hit(&self, _: &str) {}

    async fn delete_before(&self, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

type Limited = Arc<ConcurrencyLimitedRepo<Gated>>;

fn limited_to(max_per_owner: usize, max_searches: usize) -> Limited {
    let permits = StatementPermits::new(StatementLimits { max_per_owner, max_searches, wait: WAIT });
    Arc::new(ConcurrencyLimitedRepo::new(Gated::default(), permits))
}

/// Starts to find a task of the owner `alice`.
fn find(repo: &Limited, id: i64) -> JoinHandle<Result<Option<Task>, StoreError>> {
    let repo = Arc::clone(repo);
    tokio::spawn(async move { repo.find(&owner("alice").await, TaskId::new(id)).await })
}

/// Starts to count the tasks of an owner, which is a search.
fn search(repo: &Limited, name: &'static str) -> JoinHandle<Result<u64, StoreError>> {
    let repo = Arc::clone(repo);
    tokio::spawn(async move { repo.count(&owner(name).await, &TaskFilter::default()).await })
}

/// Lets all statements come as far as the limits allow, and asserts that this many of them run or wait.
async fn assert_counted(repo: &Limited, statements: usize) {
    // In the runtime of a test, which has one thread, all other tasks run whenever this one yields.
    for _ in 0..100 {
        yield_now().await;
    }
    assert_eq!(repo.permits.0.count(), statements);
}

fn inside(repo: &Limited) -> usize {
    repo.repo.gate.inside.load(Ordering::Relaxed)
}

fn finished(repo: &Limited) -> Vec<String> {
    repo.repo.gate.finished.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn the_statements_of_one_owner_beyond_the_limit_wait_and_those_of_others_do_not() {
    let repo = limited_to(2, 1);
    let load = repo.permits.load();
    let started: Vec<_> = (0..7).map(|id| find(&repo, id)).collect();
    assert_counted(&repo, 7).await;
    assert_eq!((inside(&repo), load.waiting()), (2, 5));

    let bob = owner("bob").await;
    repo.create(&bob, new_task(), moment()).await.unwrap();
    assert_eq!(repo.list(&bob, &TaskQuery::default()).await.unwrap().items.len(), 1);
    assert_eq!((inside(&repo), load.waiting()), (2, 5));

    for left in (0..7_usize).rev() {
        repo.repo.gate.permits.add_permits(1);
        assert_counted(&repo, left).await;
        assert_eq!((inside(&repo), load.waiting()), (left.min(2), left.saturating_sub(2)));
    }
    for result in join_all(started).await {
        assert_eq!(result.unwrap().unwrap(), None);
    }
    assert_eq!(load.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn statements_of_one_owner_run_in_the_order_of_their_arrival() {
    let repo = limited_to(1, 1);
    let order = [3, 1, 4, 5, 9, 2, 6];
    for (count, id) in order.into_iter().enumerate() {
        find(&repo, id);
        assert_counted(&repo, count + 1).await;
    }
    repo.repo.gate.permits.add_permits(order.len());
    assert_counted(&repo, 0).await;
    assert_eq!(finished(&repo), order.map(|id| id.to_string()));
}

/// An owner with many searches delays those of others by one search.
#[tokio::test(start_paused = true)]
async fn owners_take_turns_to_search() {
    let repo = limited_to(4, 1);
    let owners = ["alice", "alice", "alice", "bob", "carol", "bob"];
    for (count, name) in owners.into_iter().enumerate() {
        search(&repo, name);
        assert_counted(&repo, count + 1).await;
    }
    assert_eq!(inside(&repo), 1);
    repo.repo.gate.permits.add_permits(owners.len());
    assert_counted(&repo, 0).await;
    let expected = ["alice", "bob", "carol", "alice", "bob", "alice"];
    assert_eq!(finished(&repo), expected.map(|name| format!("search of {name}")));
}

#[tokio::test(start_paused = true)]
async fn searches_that_wait_do_not_delay_other_statements_of_their_owner() {
    let repo = limited_to(2, 2);
    let searches: Vec<_> = ["alice", "alice", "alice", "bob", "carol"].map(|name| search(&repo, name)).into();
    assert_counted(&repo, 5).await;
    // One of alice and one of bob.
    assert_eq!(inside(&repo), 2);
    let found = find(&repo, 1);
    assert_counted(&repo, 6).await;
    assert_eq!(inside(&repo), 3);
    // The search is one of two statements of alice, so a third one waits.
    let alice = owner("alice").await;
    let query = TaskQuery::default();
    let mut list = repo.list(&alice, &query);
    assert!(list.as_mut().now_or_never().is_none());
    repo.repo.gate.permits.add_permits(6);
    assert!(list.await.unwrap().items.is_empty());
    found.await.unwrap().unwrap();
    for searched in join_all(searches).await {
        searched.unwrap().unwrap();
    }
}

/// An owner whose statements all run does not delay the searches of others.
#[tokio::test(start_paused = true)]
async fn a_search_that_waits_for_its_own_owner_does_not_delay_those_of_others() {
    let repo = limited_to(1, 1);
    let found = find(&repo, 1);
    assert_counted(&repo, 1).await;
    let waiting = search(&repo, "alice");
    assert_counted(&repo, 2).await;
    let searched = search(&repo, "bob");
    assert_counted(&repo, 3).await;
    assert_eq!((inside(&repo), repo.permits.load().waiting()), (2, 1));
    repo.repo.gate.permits.add_permits(3);
    found.await.unwrap().unwrap();
    for search in [waiting, searched] {
        search.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn lists_that_may_read_all_tasks_are_searches() {
    let filtered = |completed, search: Option<&str>| TaskQuery {
        filter: TaskFilter {
            completed,
            search: search.map(|text| SearchText::parse(text).unwrap()),
            ..TaskFilter::default()
        },
        ..TaskQuery::default()
    };
    let from = |start| TaskQuery { start, ..TaskQuery::default() };
    let cursor = Cursor {
        value: SortValue::Title(TitlePrefix::of("a")),
        id: TaskId::new(1),
        direction: SortDirection::Ascending,
    };
    let by_cursor = from(PageStart::After(cursor));
    for (query, expected) in [
        (TaskQuery::default(), Extent::Page),
        (by_cursor.clone(), Extent::Page),
        (filtered(None, Some("milk")), Extent::All),
        (filtered(Some(false), None), Extent::All),
        (TaskQuery { filter: filtered(Some(true), None).filter, ..by_cursor }, Extent::All),
        (from(PageStart::Offset(TaskOrder::default(), 1)), Extent::All),
    ] {
        assert_eq!(extent(&query), expected, "{query:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_waits_for_too_long_fails() {
    let repo = limited_to(1, 1);
    let running = find(&repo, 1);
    assert_counted(&repo, 1).await;
    let alice = owner("alice").await;
    let begin = Instant::now();
    let read = repo.list(&alice, &TaskQuery::default()).await;
    assert!(matches!(read, Err(StoreError::Busy)), "{read:?}");
    assert_eq!(begin.elapsed(), WAIT);
    let written = repo.create(&alice, new_task(), moment()).await;
    assert!(matches!(written, Err(CreateError::Store(StoreError::Busy))), "{written:?}");
    assert_eq!((repo.permits.load().waiting(), repo.permits.load().refused()), (0, 2));

    repo.repo.gate.permits.add_permits(1);
    running.await.unwrap().unwrap();
    assert!(repo.list(&alice, &TaskQuery::default()).await.unwrap().items.is_empty());
}

/// The state of an owner takes memory only while a statement of this owner runs or waits.
#[tokio::test(start_paused = true)]
async fn dropped_statements_leave_no_state_behind() {
    let repo = limited_to(1, 1);
    let alice = owner("alice").await;
    let query = TaskQuery::default();
    let (running, waiting) = (repo.find(&alice, TaskId::new(1)), repo.list(&alice, &query));
    let (searching, queued) = (search(&repo, "bob"), search(&repo, "bob"));
    let both = async { tokio::join!(running, waiting) };
    assert!(timeout(WAIT / 2, both).await.is_err());
    for search in [searching, queued] {
        search.abort();
        assert!(search.await.unwrap_err().is_cancelled());
    }
    assert_eq!((repo.permits.0.count(), repo.permits.load().waiting()), (0, 0));
    assert!(repo.list(&alice, &TaskQuery::default()).await.is_ok());
    repo.repo.gate.permits.add_permits(1);
    assert!(repo.count(&owner("bob").await, &TaskFilter::default()).await.is_ok());
    assert_eq!(repo.permits.0.count(), 0);
}

/// A client that aborts its requests does not get more than the limit.
#[tokio::test(start_paused = true)]
async fn a_statement_counts_until_its_connection_is_free() {
    let repo = limited_to(1, 1);
    let alice = owner("alice").await;
    repo.delete(&alice, TaskId::new(1)).await.unwrap();
    let query = TaskQuery::default();
    let mut list = repo.list(&alice, &query);
    assert!(list.as_mut().now_or_never().is_none());
    assert!(repo.list(&owner("bob").await, &query).await.is_ok());
    repo.repo.abandoned.lock().unwrap().clear();
    assert!(list.await.is_ok());
    assert_eq!(repo.permits.0.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_for_one_key_are_counted_one_after_the_other() {
    let limiter = SerialRateLimiter::new(Gate::default(), WAIT);
    let gate = &limiter.limiter;
    let limit = RateLimit { window: WAIT, begins: WindowStart::FirstRequest, max: 1 };
    let mut hits: Vec<_> = ["a", "a", "b", "a"].map(|key| limiter.hit(key, limit, moment())).into();
    for hit in &mut hits {
        assert!(hit.as_mut().now_or_never().is_none());
    }
    assert_eq!(gate.inside.load(Ordering::Relaxed), 2);
    gate.permits.add_permits(hits.len());
    for hit in join_all(hits).await {
        assert_eq!(hit.unwrap(), Decision::Allowed);
    }
    assert_eq!(gate.finished.lock().unwrap().len(), 4);
}

/// A flood of requests over the limit waits for one statement, not for one statement each.
#[tokio::test(start_paused = true)]
async fn a_refused_key_is_refused_without_a_statement_until_its_window_ends() {
    let limiter = SerialRateLimiter::new(Gate::default(), WAIT);
    let gate = &limiter.limiter;
    let limit = RateLimit { window: WAIT, begins: WindowStart::FirstRequest, max: 1 };
    let hit = |millis| limiter.hit("refused", limit, moment().after(Duration::from_millis(millis)));
    let mut flood: Vec<_> = (0..20).map(|_| hit(0)).collect();
    for hit in &mut flood {
        assert!(hit.as_mut().now_or_never().is_none());
    }
    gate.permits.add_permits(1);
    for decision in timeout(WAIT / 2, join_all(flood)).await.unwrap() {
        assert_eq!(decision.unwrap(), Decision::Refused { retry_after_seconds: 4 });
    }
    assert_eq!(hit(3_500).await.unwrap(), Decision::Refused { retry_after_seconds: 1 });
    assert_eq!(gate.finished.lock().unwrap().len(), 1);
    assert!(limiter.hit("other", limit, moment()).now_or_never().is_none());

    // After the end of the window, after a request has been uncounted, or if the clock has been set back, the count
    // decides.
    assert!(hit(4_000).now_or_never().is_none());
    let earlier = moment().before(WAIT);
    assert!(limiter.hit("refused", limit, earlier).now_or_never().is_none());
    limiter.undo_hit("refused").await;
    assert!(hit(0).now_or_never().is_none());
}
