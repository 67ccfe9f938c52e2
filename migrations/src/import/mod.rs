//! Imports the tasks of another backend: from a table of this database or of another one, on SQLite or PostgreSQL.
//!
//! - `columns` decides which column holds which field, and `source` reads the rows in batches.
//! - `row` converts a row, or says why it cannot be converted.
//! - `owners` finds the users to whom the tasks belong, and `emails` those whose ids have changed.
//! - `in_place` gives the table `tasks` of another backend another name.
//! - `statement` executes statements for many rows at once.
//! - `target` inserts the tasks, and `record` remembers which rows have been imported.
//! - `report` is what the operator sees.

mod columns;
mod emails;
mod in_place;
mod owners;
mod record;
mod report;
mod row;
mod source;
mod statement;
mod target;

use sea_orm_migration::sea_orm::DatabaseConnection;
use taskbridge_schema::QualifiedName;

use self::columns::Columns;
use self::emails::OldUsers;
use self::owners::{Finder, Resolution};
use self::row::{Problems, Row, StatusValues};
use self::source::Source;
use self::target::{NewTask, Target};
use crate::catalog;
use crate::error::{MigrateError, refused_column};
use crate::migrations::Migrations;
use crate::task_fields::TaskField;
use crate::transaction::Transaction;

pub(crate) use self::record::drop_all as drop_record;
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
    /// Values of a textual status that mean "done", in addition to the common ones.
    pub done: Vec<String>,
    /// Values of a textual status that mean "not done", in addition to the common ones.
    pub open: Vec<String>,
    /// The table of the users of the other backend, if the tasks contain its ids. These users are found again by their
    /// email addresses.
    pub users_from: Option<QualifiedName>,
    /// `true` to accept users of Better Auth who have not verified the email address by which they are found. Anyone could
    /// have signed up with it.
    pub accept_unverified: bool,
    /// The id of the user who gets the tasks whose owner is missing or unknown.
    pub owner: Option<String>,
    /// `true` to report what an import would do, without changing anything.
    pub dry_run: bool,
}

impl TaskImport {
    /// Imports the tasks into the database `target`, in one transaction. Pending migrations are applied first, in the same
    /// transaction.
    ///
    /// `source` is a connection to the database that contains the table; `None` means the target. `users` is one to the
    /// database of Better Auth's users, for [`users_from`](Self::users_from); `None` means the target or, if they are not
    /// there, the source. `progress` is called with the number of rows that have been read, and the number of all rows.
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
        users: Option<&DatabaseConnection>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let transaction = if self.dry_run {
            Transaction::begin_snapshot(target).await?
        } else {
            Transaction::begin_exclusive(target).await?
        };
        let imported = self.run_in_transaction(migrations, target, source, users, progress).await;
        transaction.end(imported).await
    }

    async fn run_in_transaction(
        &self,
        migrations: &Migrations,
        target: &DatabaseConnection,
        source: Option<&DatabaseConnection>,
        users: Option<&DatabaseConnection>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let source = match source {
            Some(other) if !source::is_same_database(target, other).await? => other,
            _ => return self.import(migrations, target, target, users, progress).await,
        };
        let transaction = Transaction::begin_snapshot(source).await?;
        let imported = self.import(migrations, target, source, users, progress).await;
        transaction.end(imported).await
    }

    async fn import(
        &self,
        migrations: &Migrations,
        db: &DatabaseConnection,
        source_db: &DatabaseConnection,
        users_db: Option<&DatabaseConnection>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<ImportReport, MigrateError> {
        let table = source::find(source_db, &self.from).await?;
        let columns = Columns::find(source_db.get_database_backend(), &table, &self.map)?;
        let users_from = match &self.users_from {
            Some(from) => Some(OldUsers::find(source_db, from).await?),
            None => None,
        };
        let of_other_users = if users_from.is_none() {
            owners::other_users(source_db, &self.from, &columns, &migrations.context).await?
        } else {
            None
        };
        if let Some(users) = of_other_users {
            let why = format!(
                "contains ids of the table \"{users}\", which is not that of Better Auth's users; add --users-from {users}"
            );
            return Err(refused_column(&self.from.name, columns.name(TaskField::UserId), &why).into());
        }
        let mut from = self.from.clone();
        let is_in_place = std::ptr::eq(db, source_db) && in_place::is_tasks(db, &from).await?;
        if is_in_place {
            in_place::require_other_backend(db, migrations, &table).await?;
        }
        if self.dry_run {
            migrations.check_import(db, is_in_place).await?;
        } else {
            if is_in_place {
                from.name = in_place::rename_tasks(db).await?;
            }
            migrations.apply_in_transaction(db).await?;
            record::create(db).await?;
        }

        let exists = !self.dry_run || !is_in_place && catalog::table(db, "tasks").await?.is_some();
        let mut source = Source::open(source_db, &from, &table, &columns).await?;
        let mut target = Target::open(db, exists).await?;
        let mut owners = Finder::new(
            self.accept_unverified,
            self.owner.clone(),
            users_from,
            &target,
            source_db,
            users_db,
            &migrations.context,
        )
        .await?;
        let label = source::label(db, source_db, &from, columns.has(TaskField::CreatedAt)).await?;
        if !self.dry_run {
            target.reserve(source.last_id()).await?;
        }
        let (fields, other_columns) = columns.report();
        let mut report = ImportReport {
            table: from.name.clone(),
            renamed: is_in_place && !self.dry_run,
            dry_run: self.dry_run,
            fields,
            other_columns,
            rows: source.count(),
            before: target.count().await?,
            ..ImportReport::default()
        };
        let values = StatusValues { done: &self.done, open: &self.open, is_status: columns.has_status() };
        let mut problems = Problems::default();
        let mut read = 0;
        while let Some(rows) = source.next().await? {
            read += rows.len() as u64;
            let (deleted, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.is_deleted);
            report.deleted += deleted.len() as u64;
            let batch = record::without_imported(&target, &label, rows).await?;
            report.known += batch.known;
            let converted: Vec<_> =
                batch.new.into_iter().filter_map(|row| Row::convert(row, &values, &mut problems)).collect();
            owners.find(converted.iter().filter_map(|row| row.owner.as_deref())).await?;
            let tasks: Vec<_> = converted.into_iter().filter_map(|row| assign(row, &owners, &mut report)).collect();
            if problems.is_empty() {
                self.insert(db, &label, &mut target, tasks, &mut report).await?;
            }
            progress(read, source.count());
        }
        source.close().await?;
        problems.refuse(&self.from.name)?;
        (report.found_by_email, report.unverified) = owners.found_by_email();
        report.accepts_unverified = self.accept_unverified;
        report.after = if self.dry_run { report.before + report.imported } else { target.count().await? };
        Ok(report)
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

/// Returns the task of a row, or `None` if its owner is not a user, so that the row is left.
fn assign(row: Row, owners: &Finder<'_>, report: &mut ImportReport) -> Option<NewTask> {
    match owners.resolve(row.owner.as_deref()) {
        Resolution::User(user_id) => Some(NewTask::new(row, user_id)),
        Resolution::Left(reason) => {
            report.leave(reason, &row);
            None
        }
    }
}
