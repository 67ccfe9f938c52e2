//! Imports the tasks of another backend: from a table of this database or of another one, on SQLite or PostgreSQL.
//!
//! - `columns` decides which column holds which field, and `source` reads the rows in batches.
//! - `row` converts a row, or says why it cannot be converted.
//! - `owners` finds the users to whom the tasks belong.
//! - `target` inserts the tasks, and `record` remembers which rows have been imported.
//! - `report` is what the operator sees.

mod columns;
mod owners;
mod record;
mod report;
mod row;
mod source;
mod target;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use serde::Serialize;
use taskbridge_schema::QualifiedName;

use self::columns::Columns;
use self::owners::{Finder, Resolution};
use self::row::{Problems, Row};
use self::source::Source;
use self::target::{NewTask, Target};
use crate::catalog;
use crate::error::{MigrateError, refused};
use crate::migrations::Migrations;
use crate::task_fields::TaskField;
use crate::transaction::Transaction;

pub use self::record::{ImportedId, imported_ids};
pub use self::report::{ImportReport, Left, NewIds};

/// An import of tasks from the table of another backend.
///
/// Rows whose owner is not a user are left, unless [`owner`](Self::owner) is set. A row that has been imported is not
/// imported again, even if its task has been deleted since. The table itself is never changed; only if it is the table
/// `tasks` of the database that is imported into, it is renamed.
#[derive(Debug, Clone)]
pub struct TaskImport {
    /// The table that contains the tasks.
    pub from: QualifiedName,
    /// The columns that hold the fields, where they are not recognized by their names.
    pub map: Vec<(String, TaskField)>,
    /// Values of a textual status that mean "done", besides the common ones.
    pub done: Vec<String>,
    /// Values of a textual status that mean "not done", besides the common ones.
    pub open: Vec<String>,
    /// The table of the users of the other backend, if the tasks contain its ids. These users are found again by their
    /// email addresses.
    pub users_from: Option<QualifiedName>,
    /// The id of the user who gets the tasks whose owner is missing or unknown.
    pub owner: Option<String>,
    /// Whether to report what an import would do, without changing anything.
    pub dry_run: bool,
}

impl TaskImport {
    /// Imports the tasks into the database `target`, in one transaction. Pending migrations are applied first, in the same
    /// transaction.
    ///
    /// `source` is a connection to the database that contains the table; `None` stands for the target. `progress` is
    /// called with the number of rows that have been read, and the number of all rows.
    ///
    /// # Errors
    /// [`MigrateError::Refused`] if a table or column is missing, or a row cannot be converted;
    /// [`MigrateError::NotAdoptable`] if Better Auth's tables cannot be used; [`MigrateError::Database`] if one of the
    /// databases fails. The target is then unchanged.
    pub async fn run(
        &self,
        migrations: &Migrations,
        target: &DatabaseConnection,
        source: Option<&DatabaseConnection>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let transaction = if self.dry_run {
            Transaction::begin_snapshot(target).await?
        } else {
            Transaction::begin_exclusive(target).await?
        };
        let imported = self.run_in_transaction(migrations, target, source, progress).await;
        transaction.end(imported).await
    }

    async fn run_in_transaction(
        &self,
        migrations: &Migrations,
        target: &DatabaseConnection,
        source: Option<&DatabaseConnection>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let source = match source {
            Some(other) if !source::is_same_database(target, other).await? => other,
            _ => return self.import(migrations, target, target, progress).await,
        };
        let transaction = Transaction::begin_snapshot(source).await?;
        let imported = self.import(migrations, target, source, progress).await;
        transaction.end(imported).await
    }

    async fn import(
        &self,
        migrations: &Migrations,
        db: &DatabaseConnection,
        source_db: &DatabaseConnection,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let mut from = self.from.clone();
        let is_target = std::ptr::eq(db, source_db) && target::is_tasks(db, &from).await?;
        if is_target {
            target::require_other_backend(db, migrations).await?;
        }
        let found = catalog::table_in(source_db, from.schema.as_deref(), &from.name).await?;
        let table = found.ok_or_else(|| refused(&from.name, "does not exist in the database that is imported from"))?;
        let columns = Columns::find(source_db.get_database_backend(), &table, &self.map)?;
        let renamed = if is_target && !self.dry_run { Some(target::rename_tasks(db).await?) } else { None };
        from.name = renamed.clone().unwrap_or(from.name);
        if !self.dry_run {
            migrations.apply_in_transaction(db).await?;
        }

        let mut target = Target::open(db, is_target && self.dry_run).await?;
        let mut owners = Finder::new(self, db, source_db, migrations).await?;
        let mut source = Source::open(source_db, &from, &table, &columns).await?;
        if !self.dry_run {
            record::create(db).await?;
            target.reserve(source.last_id()).await?;
        }
        let (fields, other_columns) = columns.report();
        let mut report = ImportReport {
            table: from.name.clone(),
            renamed: renamed.is_some(),
            dry_run: self.dry_run,
            fields,
            other_columns,
            rows: source.count(),
            before: target.count().await?,
            ..ImportReport::default()
        };
        let mut problems = Problems::default();
        let mut read = 0;
        while let Some(rows) = source.next().await? {
            read += rows.len() as u64;
            let batch = record::without_imported(db, &from.name, rows).await?;
            report.known += batch.known;
            let converted = self.convert(batch.new, &mut problems);
            owners.find(converted.iter().filter_map(|row| row.owner.as_deref())).await?;
            let tasks: Vec<_> = converted.into_iter().filter_map(|row| assign(row, &owners, &mut report)).collect();
            if problems.is_empty() {
                self.insert(db, &from.name, &mut target, tasks, &mut report).await?;
            }
            progress(read, source.count());
        }
        source.close().await?;
        problems.refuse(&from.name)?;
        (report.found_by_email, report.unverified) = owners.found_by_email();
        report.after = if self.dry_run { report.before + report.imported } else { target.count().await? };
        Ok(report)
    }

    fn convert(&self, rows: Vec<source::SourceRow>, problems: &mut Problems) -> Vec<Row> {
        rows.into_iter().filter_map(|row| Row::convert(row, &self.done, &self.open, problems)).collect()
    }

    /// Gives the tasks their ids, and inserts them.
    async fn insert(
        &self,
        db: &DatabaseConnection,
        source: &str,
        target: &mut Target<'_>,
        tasks: Vec<NewTask>,
        report: &mut ImportReport,
    ) -> Result<(), MigrateError> {
        if tasks.is_empty() {
            return Ok(());
        }
        let tasks = target.with_ids(tasks, self.dry_run).await?;
        report.add(&tasks);
        if !self.dry_run {
            target.insert(&tasks).await?;
            record::insert(db, source, &tasks).await?;
        }
        Ok(())
    }
}

/// Returns the task of a row for the owner that was found, or `None` if the row is left.
fn assign(row: Row, owners: &Finder<'_>, report: &mut ImportReport) -> Option<NewTask> {
    match owners.resolve(row.owner.as_deref()) {
        Resolution::User(user_id) => Some(NewTask::new(row, user_id)),
        Resolution::Left(reason) => {
            report.leave(reason, &row);
            None
        }
    }
}

/// Returns the values as JSON, of which a statement makes rows: one parameter is enough for a batch.
fn json(values: &impl Serialize) -> Result<String, DbErr> {
    serde_json::to_string(values).map_err(|error| DbErr::Json(error.to_string()))
}
