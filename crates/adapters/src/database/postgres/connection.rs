//! A connection to PostgreSQL, which executes named or unnamed statements.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::TryStreamExt;
use sea_orm::{QueryResult, Statement, Value};
use tokio_postgres::types::Type;
use tokio_postgres::{CancelToken, Client, Error, Row, RowStream};

use super::error::StatementError;
use super::values::{Parameter, proxy_row};

/// Maximum number of named statements per connection. A limit is needed because a statement with a list of values has a
/// different text for each length of the list.
const MAX_NAMED: usize = 256;

/// The future that sends and receives the messages of a connection. It completes when the connection is closed.
pub(super) type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// One address of a PostgreSQL server.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// The address of a connection, and the host name for which the certificate must be valid.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) address: Address,
    pub(super) host_name: String,
}

/// A connection to PostgreSQL or to a pooler.
///
/// Unless the connection is shared, no background task polls the driver: the task that waits for a reply does so itself.
/// A reply therefore wakes one task instead of two.
pub(in crate::database) struct Connection {
    /// Shared with the reads that use this connection at the same time, if there are any.
    client: Arc<Client>,
    driver: Driver,
    /// The named statements by their SQL text; `None` if statements must be unnamed.
    named: Option<HashMap<String, tokio_postgres::Statement>>,
    pub(super) endpoint: Arc<Endpoint>,
    /// `true` if the PostgreSQL server accepted no writes when the connection was opened.
    pub(super) is_read_only: bool,
    /// `true` if the PostgreSQL server sees the same two socket addresses as Taskbridge, which proves that there is no
    /// pooler.
    pub(in crate::database) is_proved_direct: bool,
}

/// The result of a statement: the rows that it returned, and the number of rows that it processed.
pub(super) struct PostgresReply {
    pub(super) rows: Vec<Row>,
    pub(super) rows_affected: u64,
}

impl PostgresReply {
    /// Returns the rows in sea-orm's form.
    pub(super) fn proxy_rows(&self) -> Result<Vec<QueryResult>, StatementError> {
        self.rows.iter().map(|row| Ok(proxy_row(row)?.into())).collect()
    }
}

impl Connection {
    /// Returns a connection that sends unnamed statements.
    pub(super) fn new(client: Client, driver: Driver, endpoint: Endpoint) -> Self {
        let client = Arc::new(client);
        Self { client, driver, named: None, endpoint: Arc::new(endpoint), is_read_only: false, is_proved_direct: false }
    }

    /// Uses named statements from now on. Must not be called behind a pooler, where the PostgreSQL server may execute a
    /// statement of the same name that another program prepared.
    pub(super) fn name_statements(&mut self) {
        self.named = Some(HashMap::new());
    }

    /// Returns the same connection, which sends only unnamed statements from now on.
    pub(super) fn unnamed(self) -> Self {
        Self { named: None, ..self }
    }

    /// Returns `true` if statements are named, because there is no pooler.
    pub(super) fn is_direct(&self) -> bool {
        self.named.is_some()
    }

    /// Returns `true` if the PostgreSQL server accepts writes.
    pub(super) async fn is_writable(&mut self) -> Result<bool, StatementError> {
        let rows = self.ask_unnamed("select current_setting('transaction_read_only')").await?;
        let setting: &str = rows.first().ok_or_else(StatementError::connection_closed)?.try_get(0)?;
        Ok(setting == "off")
    }

    /// Executes a statement and returns its result. Takes one round trip, and one more if a named statement must be
    /// prepared first.
    pub(super) async fn run(&mut self, statement: &Statement) -> Result<PostgresReply, StatementError> {
        let values: &[Value] = statement.values.as_ref().map_or(&[], |values| &values.0);
        let Self { client, driver, named, .. } = self;
        let Some(named) = named else {
            let parameters = values.iter().map(|value| (Parameter(value), Type::UNKNOWN));
            let reply = async { reply(client.query_typed_raw(&statement.sql, parameters).await?, || {}).await };
            return drive(driver, reply).await;
        };
        let prepared = if let Some(prepared) = named.get(&statement.sql) {
            prepared.clone()
        } else {
            let prepared =
                drive(driver, client.prepare(&statement.sql)).await.map_err(StatementError::before_sending)?;
            if named.len() >= MAX_NAMED {
                named.clear();
            }
            named.insert(statement.sql.clone(), prepared.clone());
            prepared
        };
        let reply = async { reply(client.query_raw(&prepared, values.iter().map(Parameter)).await?, || {}).await };
        drive(driver, reply).await
    }

    /// Executes an unnamed statement without parameters and returns its rows.
    pub(in crate::database) async fn ask_unnamed(&mut self, sql: &str) -> Result<Vec<Row>, StatementError> {
        drive(&mut self.driver, self.client.query_typed(sql, &[])).await
    }

    /// Executes statements that have no parameters and whose rows are not needed, in one round trip.
    pub(in crate::database) async fn run_script(&mut self, sql: &str) -> Result<(), StatementError> {
        drive(&mut self.driver, self.client.batch_execute(sql)).await
    }

    /// Returns `true` if the PostgreSQL server or a pooler has closed the connection. Does not wait.
    pub(super) fn is_closed(&mut self) -> bool {
        self.driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Returns the sender of requests. They are processed while [`drive_until`](Self::drive_until) is polled.
    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    /// Sends and receives the messages of other tasks until `end` is ready. Returns an error if the connection is closed
    /// before.
    pub(super) async fn drive_until<T>(&mut self, end: impl Future<Output = T>) -> Result<T, StatementError> {
        let mut end = pin!(end);
        poll_fn(|context| match self.driver.as_mut().poll(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error.into())),
            Poll::Ready(Ok(())) => Poll::Ready(Err(StatementError::connection_closed())),
            Poll::Pending => end.as_mut().poll(context).map(Ok),
        })
        .await
    }

    /// Returns a token that can cancel the statement that the connection executes.
    pub(super) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Waits for outstanding replies, tells the PostgreSQL server that the session ends, and closes the connection.
    pub(in crate::database) async fn close(self) {
        let Self { client, driver, named, .. } = self;
        drop((named, client));
        _ = driver.await;
    }
}

/// Waits for all rows of a statement. Calls `received` for each row.
pub(super) async fn reply(stream: RowStream, mut received: impl FnMut()) -> Result<PostgresReply, Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
        received();
    }
    Ok(PostgresReply { rows, rows_affected: stream.rows_affected().unwrap_or_default() })
}

/// Polls the driver until `reply` is complete.
///
/// Only the driver can make progress on `reply`, and the driver is polled right before it. `reply` is therefore polled
/// with a waker that does nothing, so that each message wakes the task once instead of twice.
async fn drive<T>(driver: &mut Driver, reply: impl Future<Output = Result<T, Error>>) -> Result<T, StatementError> {
    let mut reply = pin!(reply);
    // The first poll hands the request to the driver.
    if let Poll::Ready(result) = reply.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return result.map_err(|error| StatementError::from(error).before_sending());
    }
    poll_fn(|context| {
        let mut quiet = Context::from_waker(Waker::noop());
        let ended = driver.as_mut().poll(context);
        match (reply.as_mut().poll(&mut quiet), ended) {
            (Poll::Ready(result), _) => Poll::Ready(result.map_err(StatementError::from)),
            // The driver has ended, so the reply will never arrive.
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error.into())),
            (Poll::Pending, Poll::Ready(Ok(()))) => Poll::Ready(Err(StatementError::connection_closed())),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
        }
    })
    .await
}
