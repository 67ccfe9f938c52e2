//! Finds the tables that look like one of Better Auth's tables.

use sea_orm::DbBackend;

use crate::found::{FoundTable, FoundTables};
use crate::names::plain;
use crate::overrides::Overrides;
use crate::table::AuthTable;
use crate::verdict::{Notice, Refusal};

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

    /// Refuses a table for which there are several candidates.
    pub(super) fn ambiguous(&mut self, table: AuthTable, candidates: &[&FoundTable]) {
        let name = table.name();
        self.refusals.retain(|refusal| refusal.table != name);
        self.refusals.push(Refusal {
            table: name.to_owned(),
            column: None,
            found: format!("could be {}", list(candidates, " or ")),
            next: format!("set auth.tables.{name} to the one that Better Auth uses"),
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

    pub(super) fn positions(&self, is_wanted: impl Fn(&FoundTable) -> bool) -> Vec<usize> {
        (0..self.found.tables.len()).filter(|position| is_wanted(self.get(*position))).collect()
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

    /// Returns the tables that have the columns by which `table` is recognized. Copies of tables, which have no unique
    /// id, are omitted if there are others.
    pub(super) fn candidates(&self, table: AuthTable) -> Vec<usize> {
        let looks_alike = |position: &usize| {
            let found = self.get(*position);
            let has = |column: &&'static str| self.has(*position, table, column);
            found.is_table && !found.is_of_another && table.signature().iter().all(has)
        };
        let all: Vec<_> = self.positions(|_| true).into_iter().filter(looks_alike).collect();
        let has_unique_id = |position: &usize| {
            self.get(*position).find(table, "id", self.overrides).is_some_and(|column| column.is_unique)
        };
        let unique: Vec<_> = all.iter().copied().filter(has_unique_id).collect();
        if unique.is_empty() { all } else { unique }
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

    /// Returns `true` if a table that has the columns of `table` but not its name is Better Auth's rather than the app's
    /// own: its name contains that of Better Auth, or it has no required columns that Better Auth would not fill.
    pub(super) fn is_plausible(&self, table: AuthTable, position: usize) -> bool {
        let found = self.get(position);
        let part = match table {
            AuthTable::Jwks => "jwk".to_owned(),
            _ => plain(table.name()),
        };
        let known = |name: &'static str| found.find(table, name, self.overrides).map(|column| column.name.as_str());
        let known: Vec<_> = table.columns().iter().filter_map(|name| known(name)).collect();
        let is_filled = |name: &str| known.contains(&name);
        plain(&found.name).contains(&part)
            || found.columns.iter().all(|column| !column.is_required || column.has_default || is_filled(&column.name))
    }
}
