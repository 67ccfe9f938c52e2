//! The permit of a statement, which the database connection of the statement keeps until the statement has ended.

use std::sync::Arc;

tokio::task_local! {
    static CURRENT: StatementPermit;
}

/// A permit to execute statements. What it contains is dropped with the last clone.
///
/// The statements of a request whose client disconnects, or that exceeds its deadline, can outlive the request: it takes
/// time until the database has cancelled them. Every connection that is used during [`scope`](Self::scope) therefore
/// keeps a clone until the database has ended its statement.
#[derive(Clone)]
pub(crate) struct StatementPermit {
    _content: Arc<dyn Send + Sync>,
}

impl StatementPermit {
    /// Creates a permit that drops `content` when it ends.
    pub(crate) fn new(content: impl Send + Sync + 'static) -> Self {
        Self { _content: Arc::new(content) }
    }

    /// Runs `statements` with this permit.
    pub(crate) async fn scope<T>(self, statements: impl Future<Output = T>) -> T {
        CURRENT.scope(self, statements).await
    }

    /// Returns the permit with which the current task executes statements. `None` if they need no permit.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }
}
