//! Decides which of Better Auth's tables Taskbridge adopts, adds or refuses.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::create::{NewIds, Style, create, new_table};
use crate::definitions::ColumnType;
use crate::found::{FoundColumn, FoundTable, FoundTables};
use crate::map::{SchemaMap, TableMap, quoted};
use crate::names::plain;
use crate::overrides::Overrides;
use crate::recognize::{Recognition, look_alikes, recognize};
use crate::table::AuthTable;
use crate::verdict::{Addition, AdditionKind, Notice, Refusal};
use crate::{catalog, columns};

/// Which of Better Auth's tables a database has, under which names, and what Taskbridge needs before it can use them.
///
/// A plan is complete: it contains everything that must be changed, not only what was found first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How the database names the tables, after the additions. Tables that were refused have the names of Better Auth.
    pub map: SchemaMap,
    /// The tables that exist.
    pub existing: BTreeSet<AuthTable>,
    /// The changes that Taskbridge makes.
    pub additions: Vec<Addition>,
    /// The reasons for which Taskbridge cannot use the tables. If there are none, it can.
    pub refusals: Vec<Refusal>,
    /// What an operator should know.
    pub notices: Vec<Notice>,
}

/// How Taskbridge uses Better Auth's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Taskbridge is the auth server: it uses all tables, and creates those that are missing.
    Server,
    /// Better Auth is the auth server. Taskbridge only refers to users, and counts requests if the table for that
    /// exists. It changes no table, and refuses none unless the settings name a table or a column that does not exist.
    Bridge,
}

impl Plan {
    /// Plans for the tables in a database. Reads only, with several statements, so `db` must be one connection, in a
    /// transaction if it may be behind a pooler.
    ///
    /// # Errors
    /// The error of the database if a statement fails.
    pub async fn read(db: &impl ConnectionTrait, purpose: Purpose, overrides: &Overrides) -> Result<Self, DbErr> {
        let mut found = catalog::read(db, overrides).await?;
        for position in look_alikes(&found, overrides) {
            catalog::read_rows(db, &mut found.tables[position]).await?;
        }
        let recognition = recognize(&found, overrides);
        if purpose == Purpose::Server {
            for (table, position) in &recognition.tables {
                catalog::read_values(db, *table, &mut found.tables[*position], overrides).await?;
            }
        }
        Ok(Self::of(&found, &recognition, purpose, overrides))
    }

    /// Plans for tables that have been read and recognized.
    pub(crate) fn of(found: &FoundTables, recognition: &Recognition, purpose: Purpose, overrides: &Overrides) -> Self {
        Planner::new(found, recognition, overrides).plan(recognition, purpose)
    }
}

struct Planner<'p> {
    found: &'p FoundTables,
    overrides: &'p Overrides,
    style: Style,
    ids: NewIds,
}

impl<'p> Planner<'p> {
    fn new(found: &'p FoundTables, recognition: &Recognition, overrides: &'p Overrides) -> Self {
        let table = |table| recognition.tables.get(&table).map(|position| &found.tables[*position]);
        // Every app has the column, and its name has two words.
        let reference = table(AuthTable::Account).and_then(|found| found.find(AuthTable::Account, "userId", overrides));
        let style = if reference.is_some_and(|column| column.name == "user_id") { Style::Snake } else { Style::Camel };
        let id = table(AuthTable::User).and_then(|found| found.find(AuthTable::User, "id", overrides));
        let ids = id.and_then(|id| Some(NewIds { kind: id.id_kind(found.backend)?, data_type: id.data_type.clone() }));
        Self { found, overrides, style, ids: ids.unwrap_or_else(NewIds::text) }
    }

    fn plan(&self, recognition: &Recognition, purpose: Purpose) -> Plan {
        let mut plan = Plan {
            map: SchemaMap::canonical(),
            existing: BTreeSet::new(),
            additions: Vec::new(),
            refusals: recognition.remarks.wrong_settings.clone(),
            notices: Vec::new(),
        };
        let mut maps = BTreeMap::new();
        for table in AuthTable::ALL {
            let Some(position) = recognition.tables.get(&table) else { continue };
            let found = &self.found.tables[*position];
            if self.found.backend == DbBackend::Sqlite && found.name != table.name() {
                plan.refuse(purpose, on_sqlite(table, found));
                continue;
            }
            if let Some(refusal) = strange_column(found) {
                plan.refuse(purpose, refusal);
                continue;
            }
            if let Some(refusal) = users_of_another_backend(table, found, self.overrides) {
                plan.refuse(purpose, refusal);
                continue;
            }
            // Bridge mode may have a database or a schema of its own, beside those of other apps.
            if purpose == Purpose::Bridge && !found.is_current && !self.overrides.tables.contains_key(&table) {
                continue;
            }
            let verdict = columns::check(self.found.backend, table, found, self.style, &self.ids, self.overrides);
            plan.refusals.extend(verdict.wrong_settings);
            if purpose == Purpose::Bridge && !self.is_usable(table, found, recognition) {
                continue;
            }
            plan.existing.insert(table);
            maps.insert(table, verdict.map);
            if purpose == Purpose::Server {
                let deferrable = deferrable(table, found, self.overrides);
                if deferrable.is_empty() {
                    plan.additions.extend(verdict.additions);
                }
                plan.refusals.extend(verdict.refusals);
                plan.refusals.extend(deferrable);
                plan.notices.extend(verdict.notices);
                plan.notices.extend(found.hides_rows.then(|| hidden_rows(found)));
            }
        }
        if purpose == Purpose::Server {
            plan.notices.extend(self.times_without_a_zone(recognition));
            self.add_missing(recognition, &mut maps, &mut plan);
            plan.refusals.extend(recognition.remarks.refusals.iter().map(|refusal| self.without_settings(refusal)));
            plan.notices.extend(recognition.remarks.notices.iter().cloned());
        }
        plan.map = SchemaMap::new(maps);
        plan
    }

    /// Returns `true` if bridge mode can use the table: it has the columns that Taskbridge refers to there. A table of
    /// users has Better Auth's column `emailVerified`, or accounts or sessions belong to it.
    fn is_usable(&self, table: AuthTable, found: &FoundTable, recognition: &Recognition) -> bool {
        let has = |name| found.find(table, name, self.overrides).is_some();
        let has_ids = found
            .find(table, "id", self.overrides)
            .is_some_and(|id| id.is_unique && id.id_kind(self.found.backend).is_some());
        let refers = |other: AuthTable| {
            let position = recognition.tables.get(&other)?;
            let target = self.found.tables[*position].find(other, "userId", self.overrides)?.references.as_ref()?;
            (target.0 == found.schema && target.1 == found.name).then_some(())
        };
        let has_columns = if table == AuthTable::User {
            has("emailVerified")
                || self.overrides.tables.contains_key(&table)
                || [AuthTable::Account, AuthTable::Session].into_iter().any(|other| refers(other).is_some())
        } else {
            table.columns().iter().all(|name| has(name))
        };
        found.is_table && has_ids && has_columns
    }

    /// Returns a notice if a core table contains times without a zone.
    fn times_without_a_zone(&self, recognition: &Recognition) -> Option<Notice> {
        let has_such_times = |table: &AuthTable| {
            let found = recognition.tables.get(table).map(|position| &self.found.tables[*position]);
            let times = table.definitions().iter().filter(|definition| definition.column_type == ColumnType::Time);
            let columns = times.filter_map(|definition| found?.find(*table, definition.name, self.overrides));
            columns.into_iter().any(|column| column.data_type.ends_with("without time zone"))
        };
        [AuthTable::User, AuthTable::Session, AuthTable::Account].iter().any(has_such_times).then(|| Notice {
            found: "Better Auth's tables contain times without a zone, which Taskbridge reads and writes as UTC"
                .to_owned(),
            next: "no action is needed if the app uses Drizzle or Prisma, or runs in UTC; otherwise run it with TZ=UTC"
                .to_owned(),
        })
    }

    /// Returns a refusal of a table that was not recognized. SQLite has no settings for other names of tables.
    fn without_settings(&self, refusal: &Refusal) -> Refusal {
        match self.found.backend {
            DbBackend::Sqlite => Refusal { next: "use AUTH_MODE=bridge".to_owned(), ..refusal.clone() },
            _ => refusal.clone(),
        }
    }

    /// Adds the tables that are missing, unless there are tables that could be these.
    fn add_missing(&self, recognition: &Recognition, maps: &mut BTreeMap<AuthTable, TableMap>, plan: &mut Plan) {
        for table in AuthTable::ALL {
            let is_refused = recognition.remarks.refuse(table);
            if recognition.tables.contains_key(&table) || is_refused {
                continue;
            }
            let map = new_table(table, recognition.schema.as_deref(), self.style, &self.ids);
            let schema = map.schema.as_ref().or(self.found.current_schema.as_ref());
            if schema.is_some_and(|schema| self.found.taken.contains(&(schema.clone(), map.name.clone()))) {
                plan.refusals.push(taken(table, &map));
                continue;
            }
            let users = maps.get(&AuthTable::User).cloned().unwrap_or_else(|| TableMap::canonical(AuthTable::User));
            let statements = create(self.found.backend, table, &map, &self.ids, &users);
            plan.additions.push(Addition { table, name: map.quoted(), kind: AdditionKind::Table, statements });
            maps.insert(table, map);
        }
        // Tables are created in the order of their foreign keys, and before other tables are changed.
        plan.additions.sort_by_key(|addition| (addition.kind != AdditionKind::Table, addition.table));
    }
}

impl Plan {
    fn refuse(&mut self, purpose: Purpose, refusal: Refusal) {
        if purpose == Purpose::Server {
            self.refusals.push(refusal);
        }
    }
}

/// Returns a refusal if the name of a column contains a control character: it could not be shown on a terminal as it is.
fn strange_column(found: &FoundTable) -> Option<Refusal> {
    let column = found.columns.iter().find(|column| column.name.contains(char::is_control))?;
    Some(Refusal {
        table: found.shown(),
        column: Some(column.name.escape_debug().to_string()),
        found: "has a control character in its name".to_owned(),
        next: "rename the column".to_owned(),
    })
}

/// Returns a refusal of a table `user` of a backend that stores passwords in it: Better Auth stores them in `account`.
fn users_of_another_backend(table: AuthTable, found: &FoundTable, overrides: &Overrides) -> Option<Refusal> {
    let is_password = |column: &&FoundColumn| plain(&column.name).contains("password");
    let password = found.columns.iter().find(is_password)?;
    let is_named = overrides.tables.contains_key(&table);
    if table != AuthTable::User || is_named || found.find(table, "emailVerified", overrides).is_some() {
        return None;
    }
    let (old, new) = (found.quoted(), quoted(&format!("{}_old", found.name)));
    Some(Refusal {
        table: found.shown(),
        column: Some(password.name.clone()),
        found: "belongs to the users of another backend: Better Auth stores passwords elsewhere".to_owned(),
        next: format!(
            "if that backend has been stopped, run: alter table {old} rename to {new} (its tasks are then imported with \
             --users-from), or use AUTH_MODE=bridge"
        ),
    })
}

/// Returns refusals of deferrable constraints where PostgreSQL must check at once that a value is unique: it does not
/// accept them for `on conflict`.
fn deferrable(table: AuthTable, found: &FoundTable, overrides: &Overrides) -> Vec<Refusal> {
    let unique = table.definitions().iter().filter(|column| column.is_unique || column.column_type == ColumnType::Id);
    let columns = unique.filter_map(|column| found.find(table, column.name, overrides));
    let refusal = |column: &FoundColumn| {
        let constraint = quoted(column.deferrable.as_ref()?);
        let (table, name) = (found.quoted(), quoted(&column.name));
        Some(Refusal {
            table: found.shown(),
            column: Some(column.name.clone()),
            found: "is unique by a deferrable constraint only".to_owned(),
            next: format!("run: alter table {table} drop constraint {constraint}, add unique ({name})"),
        })
    };
    columns.filter_map(refusal).collect()
}

fn on_sqlite(table: AuthTable, found: &FoundTable) -> Refusal {
    let (old, new) = (quoted(&found.name), quoted(table.name()));
    Refusal {
        table: found.name.clone(),
        column: None,
        found: format!("is Better Auth's table {new} under another name, which is supported on PostgreSQL only"),
        next: format!("use AUTH_MODE=bridge, or rename it in the app and run: alter table {old} rename to {new}"),
    }
}

fn hidden_rows(found: &FoundTable) -> Notice {
    let table = found.quoted();
    Notice {
        found: format!("row-level security of the table {table} can hide rows from Taskbridge's role"),
        next: "connect with the owner of the table, or run as an administrator: alter role .. bypassrls".to_owned(),
    }
}

fn taken(table: AuthTable, map: &TableMap) -> Refusal {
    Refusal {
        table: map.name.clone(),
        column: None,
        found: "exists, but is not Better Auth's table of this name".to_owned(),
        next: format!(
            "rename it, or create Better Auth's table {} under another name and set auth.tables.{} to that name",
            table.name(),
            table.name()
        ),
    }
}
