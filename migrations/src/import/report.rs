//! The report of an import.

use std::fmt;

use super::owners::Reason;
use super::row::{EXAMPLES, Row, rows};
use super::target::NewTask;
use crate::task_fields::TaskField;

/// The result of an import, or of a dry run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// The name of the table that was imported.
    pub table: String,
    /// `true` if the table was called `tasks` before the import.
    pub renamed: bool,
    /// `true` if nothing was changed.
    pub dry_run: bool,
    /// The column that holds each field, if there is one.
    pub fields: Vec<(TaskField, Option<String>)>,
    /// The columns that were not imported.
    pub other_columns: Vec<String>,
    /// Number of rows in the table.
    pub rows: u64,
    /// Number of rows that became tasks.
    pub imported: u64,
    /// Number of tasks that are done, among the imported ones.
    pub done: u64,
    /// Number of rows that had been imported before.
    pub known: u64,
    /// Number of rows that are marked as deleted. They are never imported.
    pub deleted: u64,
    /// The rows that have no owner.
    pub without_owner: Left,
    /// The rows whose owner is not a user.
    pub unknown_owner: Left,
    /// Number of owners who were found by their email address.
    pub found_by_email: u64,
    /// Number of users with the email address of an owner who have not verified it.
    pub unverified: u64,
    /// `true` if they were accepted nevertheless.
    pub accepts_unverified: bool,
    /// The tasks whose id is not that of their row.
    pub new_ids: NewIds,
    /// Number of tasks of all users before the import.
    pub before: u64,
    /// Number of tasks of all users after the import.
    pub after: u64,
}

/// Rows that were not imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// Number of the rows.
    pub count: u64,
    /// Some ids of rows without an owner, or some unknown owners.
    pub examples: Vec<String>,
}

/// Tasks whose id is not that of their row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewIds {
    /// Number of the tasks.
    pub count: u64,
    /// Some old ids, each with its new one. A dry run has no new ids.
    pub examples: Vec<(String, Option<i64>)>,
}

impl ImportReport {
    pub(super) fn add(&mut self, tasks: &[NewTask]) {
        for task in tasks {
            self.imported += 1;
            self.done += u64::from(task.completed);
            if task.id.is_none_or(|id| id.to_string() != task.source_id) {
                self.new_ids.count += 1;
                if self.new_ids.examples.len() < EXAMPLES {
                    self.new_ids.examples.push((task.source_id.clone(), task.id));
                }
            }
        }
    }

    pub(super) fn leave(&mut self, reason: Reason, row: &Row) {
        let (left, example) = match (reason, &row.owner) {
            (Reason::UnknownOwner, Some(owner)) => (&mut self.unknown_owner, owner),
            _ => (&mut self.without_owner, &row.source_id),
        };
        left.count += 1;
        if left.examples.len() < EXAMPLES && !left.examples.contains(example) {
            left.examples.push(example.clone());
        }
    }

    fn write_left(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (without, unknown) = (&self.without_owner, &self.unknown_owner);
        if without.count > 0 {
            writeln!(
                f,
                "not imported: {} without an owner (ids {})",
                rows(without.count),
                without.examples.join(", ")
            )?;
        }
        if unknown.count > 0 {
            writeln!(
                f,
                "not imported: {} of owners who are not users ({})",
                rows(unknown.count),
                unknown.examples.join(", ")
            )?;
        }
        if without.count + unknown.count > 0 {
            writeln!(
                f,
                "  They stay in the table. Import them when their owners are users, with --from {}, or now with --owner <user id>.",
                self.table
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table: {:?}, {}", self.table, rows(self.rows))?;
        for (field, column) in &self.fields {
            let missing = if *field == TaskField::Completed { "no column: all tasks are open" } else { "no column" };
            writeln!(f, "  {}: {}", field.name(), column.as_deref().unwrap_or(missing))?;
        }
        if !self.other_columns.is_empty() {
            writeln!(f, "  columns that are not imported: {}", self.other_columns.join(", "))?;
        }
        let would = if self.dry_run { "would be imported" } else { "imported" };
        writeln!(f, "{would}: {} ({} done)", rows(self.imported), self.done)?;
        if self.known > 0 {
            writeln!(f, "imported before: {}", rows(self.known))?;
        }
        if self.deleted > 0 {
            writeln!(f, "not imported: {} marked as deleted", rows(self.deleted))?;
        }
        self.write_left(f)?;
        if self.found_by_email > 0 {
            writeln!(f, "users found by email address: {}", self.found_by_email)?;
        }
        if self.unverified > 0 {
            let which =
                if self.accepts_unverified { "of them have" } else { "others with the address of an owner have" };
            writeln!(f, "  {} {which} not verified it: anyone can have signed up with it", self.unverified)?;
        }
        if self.unverified > 0 && !self.accepts_unverified {
            writeln!(f, "  Their rows are not imported. If you know these users, add --accept-unverified.")?;
        }
        if self.new_ids.count > 0 {
            writeln!(f, "new ids: {}", rows(self.new_ids.count))?;
            for (old, new) in &self.new_ids.examples {
                let new = new.map_or_else(|| "a new id".to_owned(), |id| id.to_string());
                writeln!(f, "  {old} -> {new}")?;
            }
            if !self.dry_run && self.new_ids.count > self.new_ids.examples.len() as u64 {
                writeln!(f, "  all: taskbridge tasks ids")?;
            }
        }
        write!(f, "tasks: {} before, {} after", self.before, self.after)?;
        match (self.dry_run, self.renamed) {
            (true, _) => write!(f, "\nNothing was changed, because this was a dry run."),
            (false, true) => write!(f, "\nThe table \"tasks\" of the other backend is now called {:?}.", self.table),
            (false, false) => Ok(()),
        }
    }
}
