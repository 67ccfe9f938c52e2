//! The one transaction in which everything is done.

use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    SqlxPostgresConnector, TransactionOptions, TransactionTrait,
};

use crate::error::MigrateError;

/// The number of the advisory lock: "taskbrid" in ASCII.
const LOCK: i64 = 0x7461_736b_6272_6964;

/// A transaction, on PostgreSQL on a connection of its own.
///
/// Of its own, because behind a pooler in transaction mode other clients leave statements under the very names that the
/// driver will use. They are deallocated first, which is no good to a connection that relies on its own.
pub(crate) struct Session {
    transaction: DatabaseTransaction,
    connection: Option<DatabaseConnection>,
}

impl Session {
    /// A transaction to read in.
    pub(crate) async fn begin(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let session = Self::begin_with(db, None).await?;
        if session.connection.is_some() {
            session.transaction.execute_unprepared("set transaction read only").await?;
        }
        Ok(session)
    }

    /// A transaction that nobody else's runs beside; it waits for its turn.
    pub(crate) async fn begin_exclusive(db: &DatabaseConnection) -> Result<Self, DbErr> {
        let session = Self::begin_with(db, Some(SqliteTransactionMode::Immediate)).await?;
        if session.connection.is_some() {
            // To wait for the others and to rewrite a large table may take its time.
            let lock = format!("set local statement_timeout = 0; select pg_advisory_xact_lock({LOCK})");
            session.transaction.execute_unprepared(&lock).await?;
        }
        Ok(session)
    }

    async fn begin_with(db: &DatabaseConnection, mode: Option<SqliteTransactionMode>) -> Result<Self, DbErr> {
        if db.get_database_backend() != DbBackend::Postgres {
            let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
            return Ok(Self { transaction: db.begin_with_options(options).await?, connection: None });
        }
        let pool = db.get_postgres_connection_pool();
        let options = pool.options().clone().min_connections(0).max_connections(1);
        let pool = options.connect_lazy_with((*pool.connect_options()).clone());
        let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
        let transaction = connection.begin().await?;
        deallocate(&transaction).await?;
        Ok(Self { transaction, connection: Some(connection) })
    }

    /// What to run statements on.
    pub(crate) fn transaction(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Makes what was done last if it went well; takes all of it back if not.
    pub(crate) async fn end<T>(self, result: Result<T, DbErr>) -> Result<T, MigrateError> {
        let Self { transaction, connection } = self;
        // The driver's names are left to nobody. In a transaction that has failed that cannot be had.
        let left = match connection {
            Some(_) => deallocate(&transaction).await,
            None => Ok(()),
        };
        let ended = match result {
            Ok(value) => match left {
                Ok(()) => transaction.commit().await.map(|()| value),
                Err(error) => Err(error),
            },
            Err(error) => transaction.rollback().await.and(Err(error)),
        };
        if let Some(connection) = connection {
            connection.close().await?;
        }
        Ok(ended?)
    }
}

/// By itself, so that poolers that know the statement see it.
async fn deallocate(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    transaction.execute_unprepared("deallocate all").await.map(drop)
}
