//! The permits to execute statements on the resources of each owner.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use taskbridge_domain::ports::StoreError;
use tokio::sync::{AcquireError, Semaphore};
use tokio::time::timeout;

use crate::statement_permit::StatementPermit;

/// Configuration of a [`ConcurrencyLimitedRepo`](super::ConcurrencyLimitedRepo).
#[derive(Debug, Clone, Copy)]
pub struct StatementLimits {
    /// Maximum number of statements that run at the same time for each owner.
    pub max_per_owner: usize,
    /// Maximum number of searches that run at the same time for all owners together.
    pub max_searches: usize,
    /// Maximum time that a statement waits until the limits allow it.
    pub wait: Duration,
}

/// The numbers of statements that wait for a permit, and that were refused.
#[derive(Debug, Default)]
pub struct StatementLoad {
    waiting: AtomicUsize,
    refused: AtomicU64,
}

impl StatementLoad {
    /// Returns the number of statements that wait for a permit.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns the number of statements that have been refused because they waited for too long.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Counts a statement as waiting until it is dropped.
struct Waiting<'a>(&'a StatementLoad);

impl<'a> Waiting<'a> {
    fn begin(load: &'a StatementLoad) -> Self {
        load.waiting.fetch_add(1, Ordering::Relaxed);
        Self(load)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of resources that a statement reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// At most one page of resources.
    Page,
    /// Possibly all resources of the owner. Such a statement is a search.
    All,
}

/// The limits, and the owners whose statements run or wait.
pub(super) struct Limits {
    config: StatementLimits,
    searches: Arc<Semaphore>,
    /// The states by the owners' ids.
    owners: Mutex<HashMap<String, OwnerState>>,
    pub(super) load: Arc<StatementLoad>,
}

/// The permits of one owner. The state is removed with the owner's last statement.
struct OwnerState {
    statements: Arc<Semaphore>,
    /// Has one permit. Each owner therefore has at most one search that runs, or waits for a permit for all owners, so
    /// that owners whose searches wait take turns. Only this search takes one of the permits of `statements`.
    search: Arc<Semaphore>,
    /// Number of statements that run or wait.
    count: usize,
}

/// Counts a statement as running or waiting until it is dropped.
struct Counted {
    limits: Arc<Limits>,
    owner: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut owners = self.limits.owners();
        if let Some(state) = owners.get_mut(&self.owner) {
            state.count -= 1;
            if state.count == 0 {
                owners.remove(&self.owner);
            }
        }
    }
}

impl Limits {
    pub(super) fn new(config: StatementLimits) -> Self {
        let searches = Arc::new(Semaphore::new(config.max_searches));
        Self { config, searches, owners: Mutex::default(), load: Arc::default() }
    }

    /// Waits until the limits allow a statement of `owner`.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the statement would have to wait for too long.
    pub(super) async fn admit(self: &Arc<Self>, owner: &str, extent: Extent) -> Result<StatementPermit, StoreError> {
        let mut permit = pin!(self.permit(owner, extent));
        let admitted = if let Some(admitted) = permit.as_mut().now_or_never() {
            Ok(admitted)
        } else {
            let _waiting = Waiting::begin(&self.load);
            timeout(self.config.wait, permit).await
        };
        let Ok(Ok(permit)) = admitted else {
            self.load.refused.fetch_add(1, Ordering::Relaxed);
            return Err(StoreError::Busy);
        };
        Ok(permit)
    }

    async fn permit(self: &Arc<Self>, owner: &str, extent: Extent) -> Result<StatementPermit, AcquireError> {
        // `counted` is dropped last, so that the owner's state is removed only when no statement uses its permits.
        let (counted, statements, search) = self.enter(owner);
        // The permit for all owners is taken last: a search that holds it runs, and never waits for its own owner.
        let is_search = extent == Extent::All;
        let search = if is_search { Some(search.acquire_owned().await?) } else { None };
        let statement = statements.acquire_owned().await?;
        let turn = if is_search { Some(Arc::clone(&self.searches).acquire_owned().await?) } else { None };
        Ok(StatementPermit::new((turn, search, statement, counted)))
    }

    /// Counts a statement of `owner`, and returns the permits for all statements and for searches of the owner.
    fn enter(self: &Arc<Self>, owner: &str) -> (Counted, Arc<Semaphore>, Arc<Semaphore>) {
        let mut owners = self.owners();
        let state = owners.entry(owner.to_owned()).or_insert_with(|| OwnerState {
            statements: Arc::new(Semaphore::new(self.config.max_per_owner.min(Semaphore::MAX_PERMITS))),
            search: Arc::new(Semaphore::new(1)),
            count: 0,
        });
        state.count += 1;
        let counted = Counted { limits: Arc::clone(self), owner: owner.to_owned() };
        (counted, Arc::clone(&state.statements), Arc::clone(&state.search))
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<String, OwnerState>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many statements of all owners run or wait.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.owners().values().map(|state| state.count).sum()
    }
}
