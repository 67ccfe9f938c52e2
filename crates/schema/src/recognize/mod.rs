//! Recognizes Better Auth's tables under any name.

mod candidates;
mod sets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::candidates::{Tables, list};
use self::sets::{Sets, Used};
use crate::found::{FoundTable, FoundTables};
use crate::names::setting;
use crate::overrides::Overrides;
use crate::table::AuthTable;
use crate::verdict::{Notice, Refusal};

pub(crate) use self::candidates::Remarks;

use AuthTable::{Account, Jwks, RateLimit, Session, User, Verification};

/// Which of the tables in a database are Better Auth's.
#[derive(Debug, Default)]
pub(crate) struct Recognition {
    /// The position of each recognized table in the list of found tables.
    pub(crate) tables: BTreeMap<AuthTable, usize>,
    /// The schema in which missing tables must be created. `None` stands for the current schema.
    pub(crate) schema: Option<String>,
    /// `true` if the tables with Better Auth's names are an empty second set that an older version of Taskbridge created.
    is_beside_second_set: bool,
    pub(crate) remarks: Remarks,
}

/// Returns the positions of the tables on whose rows the recognition depends: of several sets of tables, the one with
/// rows is the one that the app uses.
pub(crate) fn look_alikes(found: &FoundTables, overrides: &Overrides) -> Vec<usize> {
    let tables = Tables { found, overrides };
    let candidates = [User, Session, Account].map(|table| tables.candidates(table));
    let mut positions: Vec<_> = candidates.into_iter().filter(|candidates| candidates.len() > 1).flatten().collect();
    positions.sort_unstable();
    positions.dedup();
    positions
}

/// Recognizes Better Auth's tables.
pub(crate) fn recognize(found: &FoundTables, overrides: &Overrides) -> Recognition {
    let tables = Tables { found, overrides };
    let mut recognition = Recognition::default();
    let given = given(&tables, &mut recognition.remarks);
    recognize_core(&tables, &given, &mut recognition);
    for table in [Verification, Jwks, RateLimit] {
        let position = given.get(&table).copied();
        let position = position.or_else(|| beside_core(&tables, table, &mut recognition));
        recognition.tables.extend(position.map(|position| (table, position)));
    }
    refuse_shared_tables(&tables, &mut recognition);
    mention_hidden_tables(&tables, &mut recognition);
    recognition
}

/// Returns the tables that the settings name.
fn given(tables: &Tables<'_>, remarks: &mut Remarks) -> BTreeMap<AuthTable, usize> {
    let mut given = BTreeMap::new();
    for (table, wanted) in &tables.overrides.tables {
        let matching = tables.positions(|found| {
            found.name == wanted.name && wanted.schema.as_ref().is_none_or(|schema| *schema == found.schema)
        });
        let first = |is_preferred: fn(&FoundTable) -> bool| {
            matching.iter().copied().find(|position| is_preferred(tables.get(*position)))
        };
        let choice = first(|found| found.is_current).or_else(|| first(|found| found.is_in_path));
        let only = if let [position] = matching.as_slice() { Some(*position) } else { None };
        if let Some(position) = choice.or(only) {
            given.insert(*table, position);
            continue;
        }
        let setting = format!("auth.tables.{}", table.name());
        let (why, next) = if matching.is_empty() {
            ("does not exist, or the role may not use its schema", format!("correct the setting {setting}"))
        } else {
            ("exists in several schemas", format!("set {setting} to the schema, a dot and the name"))
        };
        let found = format!("is named by the setting {setting}, but {why}");
        remarks.wrong_settings.push(Refusal { table: wanted.name.clone(), column: None, found, next });
    }
    given
}

/// Recognizes the tables without which users cannot sign in.
///
/// If one of them has another name than that of Better Auth, or is not in the current schema, a missing one is refused:
/// it has another name, too, and if Taskbridge created it, the app would have it twice.
fn recognize_core(tables: &Tables<'_>, given: &BTreeMap<AuthTable, usize>, recognition: &mut Recognition) {
    let Used { set, is_beside_second_set } = Sets { tables, given, remarks: &mut recognition.remarks }.used();
    recognition.is_beside_second_set = is_beside_second_set;
    recognition.tables.extend(set.tables());
    let is_core = |table: &AuthTable| matches!(table, User | Session | Account);
    recognition.tables.extend(given.iter().map(|(key, value)| (*key, *value)).filter(|(table, _)| is_core(table)));
    let is_canonical = |(table, position): (&AuthTable, &usize)| tables.named(*table, None) == Some(*position);
    let is_renamed = !recognition.tables.iter().all(is_canonical);
    let anchor = [Account, Session, User].iter().find_map(|table| recognition.tables.get(table));
    let anchor = anchor.map(|position| tables.get(*position)).filter(|found| !found.is_current);
    recognition.schema = anchor.map(|found| found.schema.clone());
    for table in [User, Session, Account] {
        if recognition.tables.contains_key(&table) || recognition.remarks.refuse(table) {
            continue;
        }
        // The table may lack a column by which it would be recognized, but its name says what it is.
        if let Some(position) = tables.named(table, recognition.schema.as_deref()) {
            recognition.tables.insert(table, position);
        } else if is_renamed {
            let others: Vec<_> = recognition.tables.values().copied().collect();
            let others = list(&tables.list(&others), ", ");
            recognition.remarks.refusals.push(Refusal {
                table: table.name().to_owned(),
                column: None,
                found: format!("was not found, although Better Auth's tables exist under other names ({others})"),
                next: format!("set {} to the name of the table", setting(table)),
            });
        }
    }
}

/// Recognizes a table without which users can still sign in, beside the core tables.
///
/// A table of the app that has the same columns must not be used: Taskbridge trusts the keys in `jwks`, and deletes
/// counters in `rateLimit`. Without Better Auth's name, the name must therefore say what the table is for, or the table
/// must have exactly the columns of `jwks`.
fn beside_core(tables: &Tables<'_>, table: AuthTable, recognition: &mut Recognition) -> Option<usize> {
    let schema = recognition.schema.as_deref();
    // The table may lack a column by which it would be recognized, but its name says what it is.
    let canonical = tables.named(table, schema);
    if canonical.is_some() && !recognition.is_beside_second_set {
        return canonical;
    }
    let mut others = tables.candidates(table);
    others.retain(|position| {
        let found = tables.get(*position);
        let is_beside = schema.map_or(found.is_current, |schema| found.schema == schema);
        let is_likely = match table {
            Jwks => {
                let has_all = tables.has(*position, Jwks, "createdAt") && tables.has_no_others(Jwks, *position);
                tables.is_called(*position, "jwk") || has_all
            }
            RateLimit => tables.is_called(*position, "ratelimit") && tables.has_no_others(RateLimit, *position),
            _ => tables.is_called(*position, "verif"),
        };
        is_beside && is_likely && Some(*position) != canonical
    });
    let likeliest = tables.likeliest(table, others);
    match likeliest.as_slice() {
        [position] => Some(*position),
        // Nothing reads or writes this table.
        [position, ..] if table == Verification => Some(*position),
        [] => canonical,
        rivals => {
            recognition.remarks.ambiguous(table, &tables.list(rivals));
            None
        }
    }
}

/// Adds a notice if users are created in a new table, although there are tables that could be those of the app.
fn mention_hidden_tables(tables: &Tables<'_>, recognition: &mut Recognition) {
    if recognition.tables.contains_key(&User) || recognition.remarks.refuse(User) {
        return;
    }
    for position in tables.hidden() {
        let found = tables.get(position);
        let (why, next) = if found.has_strange_name() {
            ("its name contains a control character", "rename it")
        } else if found.is_usable {
            ("another installation of Taskbridge uses it", "set auth.tables to the names of these tables")
        } else {
            ("the role must not use its schema", "grant usage on the schema")
        };
        recognition.remarks.notices.push(Notice {
            found: format!("the table {:?} looks like Better Auth's, but {why}", found.shown()),
            next: format!("no action is needed if this is not the app's table; otherwise {next}"),
        });
    }
}

/// Refuses tables that are recognized as two of Better Auth's tables, which only settings can cause.
fn refuse_shared_tables(tables: &Tables<'_>, recognition: &mut Recognition) {
    let mut by_position: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (table, position) in &recognition.tables {
        by_position.entry(*position).or_default().push(table.name());
    }
    for (position, names) in by_position.into_iter().filter(|(_, names)| names.len() > 1) {
        let settings: Vec<_> = names.iter().map(|name| format!("auth.tables.{name}")).collect();
        recognition.remarks.wrong_settings.push(Refusal {
            table: tables.get(position).shown(),
            column: None,
            found: format!("is used as {}", names.join(" and as ")),
            next: format!("correct the settings {}", settings.join(" and ")),
        });
    }
}
