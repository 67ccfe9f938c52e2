//! A connection in use. It enforces statement timeouts, sends cancel requests, and is closed if it cannot be used
//! again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::connection::Connection;
use super::error::{Effect, StatementError};
use super::pool::{PoolObject, PostgresPool};
use crate::statement_permit::StatementPermit;

/// Time between the PostgreSQL server's `statement_timeout` and the cancel request that Taskbridge sends if the
/// statement is still running. Also the maximum time that Taskbridge waits for the reply after a cancel request.
pub(super) const GRACE: Duration = Duration::from_secs(1);
/// Time after which an abandoned connection is closed even if the PostgreSQL server has not ended the statement.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Time until the next cancel request for an abandoned connection.
const CANCEL_AGAIN: Duration = Duration::from_millis(250);

/// A connection in use. It returns to its pool when it is dropped, unless it is broken, waits for a reply or is in a
/// transaction.
pub(super) struct PooledConnection {
    /// `None` once the connection has been discarded.
    object: Option<PoolObject>,
    pool: Arc<PostgresPool>,
    /// `true` while a reply is outstanding.
    is_waiting: bool,
    /// `true` once a cancel request was sent.
    is_cancelled: bool,
    pub(super) is_in_transaction: bool,
    /// The permit of the statements on this connection.
    permit: Option<StatementPermit>,
}

impl PooledConnection {
    pub(super) fn new(object: PoolObject, pool: &Arc<PostgresPool>) -> Self {
        Self {
            object: Some(object),
            pool: Arc::clone(pool),
            is_waiting: false,
            is_cancelled: false,
            is_in_transaction: false,
            permit: StatementPermit::current(),
        }
    }

    /// Runs `request` on the connection and returns its result. Discards the connection if it is broken.
    pub(super) async fn exchange<T>(
        &mut self,
        effect: Effect,
        request: impl AsyncFnOnce(&mut Connection) -> Result<T, StatementError>,
    ) -> Result<T, StatementError> {
        let result = self.wait(effect, request).await;
        if self.is_cancelled && !self.is_waiting {
            // The cancel request may arrive late. The connection is not used again, so that the request cannot cancel a
            // later statement.
            self.discard(Discard::This);
        }
        let Err(failure) = result else { return result };
        if failure.is_statement_mismatch() {
            self.pool.manager.connector.stop_naming_statements();
        }
        if failure.breaks_connection() {
            self.discard(Discard::Older { is_read_only: failure.is_read_only() });
        }
        Err(if effect == Effect::Lasting { failure.of_a_write() } else { failure })
    }

    /// Runs `request` and waits for its result. Cancels the statement if it exceeds the statement timeout.
    async fn wait<T>(
        &mut self,
        effect: Effect,
        request: impl AsyncFnOnce(&mut Connection) -> Result<T, StatementError>,
    ) -> Result<T, StatementError> {
        let Self { object, pool, is_waiting, is_cancelled, .. } = self;
        let Some(connection) = object else { return Err(StatementError::connection_closed()) };
        // On a direct connection, the PostgreSQL server itself enforces the timeout. Taskbridge therefore waits longer
        // before it sends a cancel request.
        let limit = pool.manager.statement_timeout + if connection.is_direct() { GRACE } else { Duration::ZERO };
        let (token, endpoint) = (connection.cancel_token(), Arc::clone(&connection.endpoint));
        *is_waiting = true;
        let mut reply = pin!(request(connection));
        if let Ok(result) = timeout(limit, &mut reply).await {
            *is_waiting = false;
            return result;
        }
        let connector = Arc::clone(&pool.manager.connector);
        *is_cancelled = true;
        tokio::spawn(connector.cancel(token, endpoint));
        let Ok(result) = timeout(GRACE, reply).await else { return Err(StatementError::Timeout) };
        *is_waiting = false;
        // Cancelling a commit that waits for a synchronous standby only ends the wait: the commit reports success
        // although the standby may lack it. A write that succeeds after a cancel request is therefore reported as a
        // timeout.
        let is_final = effect == Effect::None && !self.is_in_transaction;
        if is_final || result.is_err() { result } else { Err(StatementError::Timeout) }
    }

    /// Cancels the statement of a connection whose result no task waits for, and closes the connection.
    pub(super) fn abandoned(object: PoolObject, pool: &Arc<PostgresPool>) {
        let mut connection = Self::new(object, pool);
        connection.is_waiting = true;
        drop(connection);
    }

    /// Removes the connection from the pool and, for [`Discard::Older`], all connections that were opened before now.
    pub(super) fn discard(&mut self, scope: Discard) {
        let Some(object) = self.object.take() else { return };
        if let Discard::Older { is_read_only } = scope {
            self.pool.manager.health.distrust(is_read_only);
        }
        if self.is_waiting || self.is_in_transaction {
            self.abandon(object);
        } else {
            drop(Object::take(object));
        }
    }

    /// Starts a task that cancels the statement and closes the connection. Until the PostgreSQL server has ended the
    /// statement, for at most [`CANCEL_TIMEOUT`], the connection counts toward the pool's maximum, and the permit of the
    /// statement is kept. The number of running statements therefore never exceeds the limits, however many HTTP
    /// requests are aborted.
    fn abandon(&self, object: PoolObject) {
        let mut abandoned = Abandoned(Some(object));
        let Ok(runtime) = Handle::try_current() else { return };
        let (connector, is_waiting) = (Arc::clone(&self.pool.manager.connector), self.is_waiting);
        let permit = self.permit.clone();
        runtime.spawn(async move {
            let _permit = permit;
            let Some(connection) = &mut abandoned.0 else { return };
            let (token, endpoint) = (connection.cancel_token(), Arc::clone(&connection.endpoint));
            let ended = async {
                // The PostgreSQL server replies to `rollback` only after all statements sent before it have ended.
                let mut rollback = pin!(connection.run_script("rollback"));
                loop {
                    if is_waiting {
                        _ = Arc::clone(&connector).cancel(token.clone(), Arc::clone(&endpoint)).await;
                    }
                    // A cancel request ends one statement. There are several on a connection that was shared.
                    if let Ok(ended) = timeout(CANCEL_AGAIN, &mut rollback).await {
                        return ended;
                    }
                }
            };
            let is_alive = matches!(timeout(CANCEL_TIMEOUT, ended).await, Ok(Ok(())));
            if let Some(object) = abandoned.0.take_if(|_| is_alive) {
                _ = timeout(GRACE, Object::take(object).close()).await;
            }
        });
    }
}

/// A connection that is closed when it is dropped, instead of returning to its pool.
pub(super) struct Abandoned(pub(super) Option<PoolObject>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if self.is_waiting || self.is_in_transaction {
            self.discard(Discard::This);
        }
    }
}

/// The connections to discard.
#[derive(Clone, Copy)]
pub(super) enum Discard {
    /// Only this connection.
    This,
    /// This connection and all that were opened before now, because they may be broken or read-only as well.
    Older { is_read_only: bool },
}
