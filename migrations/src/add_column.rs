//! Adds a column to a table of Taskbridge.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};
use taskbridge_schema::{Refusal, quoted};

use crate::catalog;
use crate::context::Context;
use crate::error::refused_column;
use crate::migration::{Execution, Migration, Requirement, Table};
use crate::owned_table::NewColumn;
use crate::users::Users;

/// A migration that adds a column to a table of Taskbridge. The column must be nullable or have a default, because servers
/// of the version before do not know it.
#[derive(Debug, Clone, Copy)]
pub struct AddColumn {
    /// The name of the migration, such as `m20261201_000001_priority`.
    pub migration: &'static str,
    /// A description of the change, in one line.
    pub summary: &'static str,
    /// The name of the table.
    pub table: &'static str,
    /// The column.
    pub column: NewColumn,
}

impl AddColumn {
    /// Returns `true` if the table exists and lacks the column.
    async fn is_missing(&self, db: &DatabaseConnection) -> Result<bool, DbErr> {
        let table = catalog::table(db, self.table).await?;
        Ok(table.is_some_and(|table| table.column(self.column.name).is_none()))
    }
}

#[async_trait::async_trait]
impl Migration for AddColumn {
    fn name(&self) -> &'static str {
        self.migration
    }

    fn summary(&self) -> &'static str {
        self.summary
    }

    fn is_for(&self, _users: Users) -> bool {
        true
    }

    fn tables(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn owned_tables(&self) -> Vec<&'static str> {
        Vec::new()
    }

    async fn requirements(&self, db: &DatabaseConnection, _context: &Context) -> Result<Vec<Requirement>, DbErr> {
        let requirement = Requirement::Ownership(Table::Ours(self.table));
        Ok(self.is_missing(db).await?.then_some(requirement).into_iter().collect())
    }

    async fn check(&self, _db: &DatabaseConnection, _context: &Context) -> Result<Vec<Refusal>, DbErr> {
        Ok(Vec::new())
    }

    async fn execution(&self, _db: &DatabaseConnection) -> Result<Execution, DbErr> {
        Ok(Execution::InTransaction)
    }

    async fn up(&self, db: &DatabaseConnection, _context: &Context, _execution: Execution) -> Result<(), DbErr> {
        if !self.is_missing(db).await? {
            return Ok(());
        }
        let column = self.column.definition(db.get_database_backend());
        db.execute_unprepared(&format!("alter table {} add column {column}", quoted(self.table))).await.map(drop)
    }

    /// Drops the column.
    ///
    /// # Errors
    /// A refusal if the table contains rows, whose values would be lost.
    async fn down(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        let table = catalog::table(db, self.table).await?;
        if table.is_none_or(|table| table.column(self.column.name).is_none()) {
            return Ok(());
        }
        let (table, column) = (quoted(self.table), quoted(self.column.name));
        let count = catalog::count(db, &format!("select count(*) as count from {table}")).await?;
        if count > 0 {
            let why = format!("has the values of {count} rows; drop it, and revert again");
            return Err(refused_column(self.table, self.column.name, &why));
        }
        db.execute_unprepared(&format!("alter table {table} drop column {column}")).await.map(drop)
    }
}
