//! A single connection in the form that sea-orm's migrator accepts.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ProxyDatabaseConnection, ProxyDatabaseTrait,
    ProxyExecResult, ProxyRow, Statement,
};
use tokio::sync::Mutex;

/// A connection of a database driver, for exclusive use.
#[async_trait]
pub(super) trait DedicatedConnection: Send + 'static {
    /// Executes a statement and returns its rows.
    async fn query(&mut self, statement: &Statement) -> Result<Vec<ProxyRow>, DbErr>;

    /// Executes a statement and returns the number of rows that it changed. A statement without values may be a script
    /// of several statements.
    async fn execute(&mut self, statement: &Statement) -> Result<u64, DbErr>;
}

/// Wraps the connection in sea-orm's [`DatabaseConnection`]. The connection is dropped with the last clone of the
/// returned value.
///
/// sea-orm's methods for transactions have no effect on the returned connection, because sea-orm could not report that
/// a commit failed. Execute `begin` and `commit` as statements instead.
pub(super) fn dedicated(backend: DbBackend, connection: impl DedicatedConnection) -> DatabaseConnection {
    let proxy = ProxyDatabaseConnection::new(backend, Arc::new(Box::new(Dedicated(Mutex::new(connection)))));
    DatabaseConnectionType::ProxyDatabaseConnection(Arc::new(proxy)).into()
}

struct Dedicated<C>(Mutex<C>);

impl<C> fmt::Debug for Dedicated<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedicated").finish_non_exhaustive()
    }
}

#[async_trait]
impl<C: DedicatedConnection> ProxyDatabaseTrait for Dedicated<C> {
    async fn query(&self, statement: Statement) -> Result<Vec<ProxyRow>, DbErr> {
        self.0.lock().await.query(&statement).await
    }

    async fn execute(&self, statement: Statement) -> Result<ProxyExecResult, DbErr> {
        let rows_affected = self.0.lock().await.execute(&statement).await?;
        Ok(ProxyExecResult { rows_affected, ..ProxyExecResult::default() })
    }
}
