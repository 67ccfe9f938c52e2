//! Checks whether the migrations can be applied.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::{Addition, AdditionKind, Plan, Refusal};

use crate::adopt::{better_auth, tasks};
use crate::error::{MigrateError, RESTORE, accept};
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
    pub missing_tables: Vec<String>,
    /// The plan for Better Auth's tables.
    pub plan: Plan,
}

impl Readiness {
    /// Returns the names of the migrations that have not been applied, in order.
    #[must_use]
    pub fn pending(&self) -> Vec<&'static str> {
        self.migrations.iter().filter(|migration| !migration.applied).map(|migration| migration.name).collect()
    }

    /// Returns the changes of Better Auth's tables that must be made before the server can start, in words. Pending
    /// migrations are not the only reason for such changes: the app may have changed its tables.
    #[must_use]
    pub fn pending_additions(&self) -> Vec<String> {
        self.plan.additions.iter().map(Addition::to_string).collect()
    }
}

impl Migrations {
    /// Checks that [`up`](Self::up) would succeed. Changes and locks nothing.
    ///
    /// Set `will_migrate` to `false` if another role applies the migrations. The role that `db` connects as then does
    /// not need the privileges to apply them.
    ///
    /// # Errors
    /// [`MigrateError::NotAdoptable`] with all reasons for which `up` would refuse existing tables;
    /// [`MigrateError::Refused`] if the role lacks privileges.
    pub async fn check(&self, db: &DatabaseConnection, will_migrate: bool) -> Result<Readiness, MigrateError> {
        let migrations = self.status(db).await?;
        let transaction = Transaction::begin_read_only(db).await?;
        let checked = self.check_pending(transaction.connection(), will_migrate).await;
        let (missing_tables, plan) = transaction.end(checked).await?;
        Ok(Readiness { migrations, missing_tables, plan })
    }

    /// Checks that an import could apply the pending migrations. The table `tasks` does not matter if the import renames it.
    pub(crate) async fn check_import(&self, db: &DatabaseConnection, is_in_place: bool) -> Result<(), MigrateError> {
        if is_in_place {
            accept(self.context.plan(db).await?.refusals)
        } else {
            self.check_pending(db, true).await.map(drop)
        }
    }

    /// Checks the pending migrations, and returns the tables that they would create.
    async fn check_pending(
        &self,
        db: &DatabaseConnection,
        will_migrate: bool,
    ) -> Result<(Vec<String>, Plan), MigrateError> {
        let pending = self.pending(db).await?;
        let plan = self.context.plan(db).await?;
        privileges::check(db, self, if will_migrate { &pending } else { &[] }, &plan, will_migrate).await?;
        accept(self.refusals(db, &pending, &plan).await?)?;
        self.require_tables(db).await?;
        let new_tables = plan.additions.iter().filter(|addition| addition.kind == AdditionKind::Table);
        let mut missing_tables: Vec<_> =
            new_tables.map(|addition| plan.map.table(addition.table).name.clone()).collect();
        for migration in pending {
            for table in migration.tables().into_iter().filter(|table| !better_auth::tables().contains(table)) {
                if catalog::table(db, table).await?.is_none() {
                    missing_tables.push(table.to_owned());
                }
            }
        }
        Ok((missing_tables, plan))
    }

    /// Returns all reasons for which the tables cannot be used: those of the plan, those of the pending migrations, and
    /// what must not be at any start.
    pub(crate) async fn refusals(
        &self,
        db: &DatabaseConnection,
        pending: &[&dyn Migration],
        plan: &Plan,
    ) -> Result<Vec<Refusal>, DbErr> {
        let mut refusals = plan.refusals.clone();
        for migration in pending {
            refusals.extend(migration.check(db, &self.context).await?);
        }
        for refusal in self.applied_refusals(db, plan).await? {
            let is_same = |other: &Refusal| (&other.table, &other.column) == (&refusal.table, &refusal.column);
            if !refusals.iter().any(is_same) {
                refusals.push(refusal);
            }
        }
        Ok(refusals)
    }

    /// Returns the reasons for which the tables cannot be used even if no migration is pending, apart from those of the
    /// plan.
    pub(crate) async fn applied_refusals(&self, db: &DatabaseConnection, plan: &Plan) -> Result<Vec<Refusal>, DbErr> {
        let mut refusals = id_collation::refusals(db, self.context.users).await?;
        refusals.extend(tasks::start_refusals(db, plan, &self.context).await?);
        Ok(refusals)
    }

    /// Requires the tables that applied migrations have created. Better Auth's tables are part of the plan.
    ///
    /// # Errors
    /// [`MigrateError::NotAdoptable`] if a table is missing.
    pub(crate) async fn require_tables(&self, db: &DatabaseConnection) -> Result<(), MigrateError> {
        let applied = self.applied(db).await?;
        let mut missing = Vec::new();
        for migration in self.list.iter().filter(|migration| applied.iter().any(|name| name == migration.name())) {
            for table in migration.tables().into_iter().filter(|table| !better_auth::tables().contains(table)) {
                if !catalog::is_found(db, table).await? {
                    missing.push(Refusal {
                        table: table.to_owned(),
                        column: None,
                        found: format!("is missing, although {} has created it", migration.name()),
                        next: format!("{RESTORE} from a backup or, if it was renamed, give it its name back"),
                    });
                }
            }
        }
        accept(missing)
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
            let plan = self.context.plan(db).await?;
            privileges::check(db, self, &[], &plan, false).await?;
        }
        ledger::applied(db).await
    }
}
