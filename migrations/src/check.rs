//! Checks whether the migrations can be applied.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};

use crate::adopt::tasks;
use crate::error::MigrateError;
use crate::migration::Migration;
use crate::migrations::{MigrationStatus, Migrations};
use crate::transaction::Transaction;
use crate::{catalog, id_collation, ledger, privileges};

/// The result of [`Migrations::check`] for a database to which the migrations can be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// All migrations, in order, and whether each has been applied.
    pub migrations: Vec<MigrationStatus>,
    /// The tables that the pending migrations would create.
    pub missing_tables: Vec<&'static str>,
}

impl Readiness {
    /// Returns the names of the migrations that have not been applied, in order.
    #[must_use]
    pub fn pending(&self) -> Vec<&'static str> {
        self.migrations.iter().filter(|migration| !migration.applied).map(|migration| migration.name).collect()
    }
}

impl Migrations {
    /// Checks that [`up`](Self::up) would succeed. Changes and locks nothing.
    ///
    /// Set `will_migrate` to `false` if another role applies the migrations. The role that `db` connects as then does
    /// not need the privileges to apply them.
    ///
    /// # Errors
    /// [`MigrateError::Refused`] if `up` would refuse an existing table, or the role lacks privileges.
    pub async fn check(&self, db: &DatabaseConnection, will_migrate: bool) -> Result<Readiness, MigrateError> {
        let migrations = self.status(db).await?;
        let transaction = Transaction::begin_read_only(db).await?;
        let checked = self.check_pending(transaction.connection(), will_migrate).await;
        let missing_tables = transaction.end(checked).await?;
        Ok(Readiness { migrations, missing_tables })
    }

    /// Checks the pending migrations, and returns the tables that they would create.
    async fn check_pending(&self, db: &DatabaseConnection, will_migrate: bool) -> Result<Vec<&'static str>, DbErr> {
        let pending = self.pending(db).await?;
        privileges::check(db, self, if will_migrate { &pending } else { &[] }).await?;
        let mut missing_tables = Vec::new();
        for migration in pending {
            migration.check(db, self.users).await?;
            for table in migration.tables() {
                if catalog::table(db, table).await?.is_none() {
                    missing_tables.push(table);
                }
            }
        }
        self.check_applied(db).await?;
        Ok(missing_tables)
    }

    /// Checks what must hold at each start, even if no migration is pending.
    pub(crate) async fn check_applied(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        tasks::check_references(db, self.users).await?;
        id_collation::check(db, self.users).await
    }

    /// Returns the migrations that have not been applied.
    pub(crate) async fn pending(&self, db: &DatabaseConnection) -> Result<Vec<&'static dyn Migration>, DbErr> {
        let applied = self.applied(db).await?;
        Ok(self.list.iter().copied().filter(|migration| !applied.iter().any(|name| name == migration.name())).collect())
    }

    /// Returns the names of the applied migrations, in order. A newer version of Taskbridge may have applied some that
    /// are not in the list.
    pub(crate) async fn applied(&self, db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
        if !privileges::may_read_ledger(db).await? {
            // Returns an error that lists all missing privileges, whereas reading the table would fail with an error
            // that names only this table.
            privileges::check(db, self, &[]).await?;
        }
        ledger::applied(db).await
    }
}
