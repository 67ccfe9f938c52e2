//! Finds the tables that look like one of Better Auth's tables.

use sea_orm::DbBackend;

use crate::found::{FoundTable, FoundTables};
use crate::names::{plain, setting};
use crate::overrides::Overrides;
use crate::table::AuthTable;
use crate::verdict::{Notice, Refusal};

use AuthTable::Account;

/// What the recognition has to say about tables.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    /// Settings that name a table which does not exist.
    pub(crate) wrong_settings: Vec<Refusal>,
    /// Tables that are missing, or cannot be told apart.
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) notices: Vec<Notice>,
}

impl Remarks {
    /// Returns `true` if there is a refusal for this table.
    pub(crate) fn refuse(&self, table: AuthTable) -> bool {
        self.refusals.iter().any(|refusal| refusal.table == table.name())
    }

    /// Refuses a table for which there are several candidates, if there are several.
    pub(super) fn ambiguous(&mut self, table: AuthTable, candidates: &[&FoundTable]) {
        let name = table.name();
        if candidates.len() < 2 {
            return;
        }
        self.refusals.retain(|refusal| refusal.table != name);
        self.refusals.push(Refusal {
            table: name.to_owned(),
            column: None,
            found: format!("could be {}", list(candidates, " or ")),
            next: format!("set {} to the one that Better Auth uses", setting(table)),
        });
    }
}

/// Returns the quoted names of tables for messages.
pub(super) fn list(tables: &[&FoundTable], separator: &str) -> String {
    tables.iter().map(|found| format!("\"{}\"", found.shown())).collect::<Vec<_>>().join(separator)
}

/// The tables of a database, by their positions in the list.
pub(super) struct Tables<'f> {
    pub(super) found: &'f FoundTables,
    pub(super) overrides: &'f Overrides,
}

impl<'f> Tables<'f> {
    pub(super) fn get(&self, position: usize) -> &'f FoundTable {
        &self.found.tables[position]
    }

    pub(super) fn list(&self, positions: &[usize]) -> Vec<&'f FoundTable> {
        positions.iter().map(|position| self.get(*position)).collect()
    }

    /// Returns the tables that the role may use.
    pub(super) fn positions(&self, is_wanted: impl Fn(&FoundTable) -> bool) -> Vec<usize> {
        let is_usable = |found: &FoundTable| found.is_usable && !found.has_strange_name();
        (0..self.found.tables.len())
            .filter(|position| is_usable(self.get(*position)) && is_wanted(self.get(*position)))
            .collect()
    }

    /// Returns the tables of accounts that are not considered: those of another installation of Taskbridge, those that
    /// the role may not use, and those whose name cannot be shown.
    pub(super) fn hidden(&self) -> Vec<usize> {
        let is_hidden = |found: &FoundTable| !found.is_usable || found.is_of_another || found.has_strange_name();
        (0..self.found.tables.len())
            .filter(|position| is_hidden(self.get(*position)) && self.looks_like(Account, *position))
            .filter(|position| self.has(*position, Account, "password"))
            .collect()
    }

    /// Returns the table of Better Auth's name in the current schema or, if `schema` is given, in that schema.
    pub(super) fn named(&self, table: AuthTable, schema: Option<&str>) -> Option<usize> {
        let is_here = |found: &FoundTable| schema.map_or(found.is_current, |schema| found.schema == schema);
        self.positions(|found| found.name == table.name() && is_here(found)).first().copied()
    }

    pub(super) fn has(&self, position: usize, table: AuthTable, column: &'static str) -> bool {
        self.get(position).find(table, column, self.overrides).is_some()
    }

    /// Returns `false` only if it is known that the table has no rows.
    pub(super) fn may_have_rows(&self, position: usize) -> bool {
        self.get(position).has_rows != Some(false)
    }

    /// Returns `true` if the table has the columns by which `table` is recognized.
    pub(super) fn looks_like(&self, table: AuthTable, position: usize) -> bool {
        self.get(position).is_table && table.signature().iter().all(|column| self.has(position, table, column))
    }

    /// Returns the tables that have the columns by which `table` is recognized. Copies of tables, which have no unique
    /// id, are omitted if there are others.
    pub(super) fn candidates(&self, table: AuthTable) -> Vec<usize> {
        let mut all = self.positions(|found| !found.is_of_another);
        all.retain(|position| self.looks_like(table, *position));
        let has_unique_id = |position: &usize| {
            self.get(*position).find(table, "id", self.overrides).is_some_and(|column| column.is_unique)
        };
        let unique: Vec<_> = all.iter().copied().filter(has_unique_id).collect();
        if unique.is_empty() { all } else { unique }
    }

    /// Returns `true` if the name of the table contains `part`. Case and underscores are ignored.
    pub(super) fn is_called(&self, position: usize, part: &str) -> bool {
        plain(&self.get(position).name).contains(part)
    }

    /// Returns `true` if all columns of the table are columns of Better Auth's table `table`.
    pub(super) fn has_no_others(&self, table: AuthTable, position: usize) -> bool {
        let found = self.get(position);
        found.columns.len() == found.score(table, self.overrides)
    }

    /// Returns those of several tables that are most likely `table`: by the name, then by the number of its columns.
    pub(super) fn likeliest(&self, table: AuthTable, mut all: Vec<usize>) -> Vec<usize> {
        let likelihood = |position: &usize| {
            let found = self.get(*position);
            let (name, wanted) = (plain(&found.name), plain(table.name()));
            let is_canonical = found.name == table.name();
            let is_plural = name == wanted || name == format!("{wanted}s");
            let score = found.score(table, self.overrides);
            (found.is_current && is_canonical, found.is_in_path, is_canonical, is_plural, name.contains(&wanted), score)
        };
        let best = all.iter().map(likelihood).max();
        all.retain(|position| Some(likelihood(position)) == best);
        all
    }

    /// Returns the table to which the foreign key of the column with the user's id refers.
    pub(super) fn users_of(&self, table: AuthTable, position: usize) -> Option<usize> {
        let column = self.get(position).find(table, "userId", self.overrides)?;
        let (schema, name) = column.references.as_ref()?;
        let is_sqlite = self.found.backend == DbBackend::Sqlite;
        let is_target = |other: &FoundTable| {
            other.schema == *schema && (other.name == *name || is_sqlite && other.name.eq_ignore_ascii_case(name))
        };
        self.positions(is_target).first().copied()
    }
}
