//! Finds the core tables of the app: those without which its users cannot sign in.
//!
//! The table `account` proves that tables are Better Auth's: hardly another program has a column for the id of a
//! provider next to one for the id of an account. Its foreign key leads to the users, and theirs to the sessions. These
//! three tables are a [`Set`]. Other tables of an app can look like one of the three, such as a table of refresh tokens,
//! but they are not part of a set.

use std::collections::BTreeMap;

use super::candidates::{Remarks, Tables, list};
use crate::names::plain;
use crate::table::AuthTable;
use crate::verdict::Notice;

use AuthTable::{Account, Session, User};

/// Tables that belong together: those of one app.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    user: Option<usize>,
    session: Option<usize>,
    account: Option<usize>,
}

impl Set {
    pub(super) fn tables(&self) -> impl Iterator<Item = (AuthTable, usize)> {
        let tables = [(User, self.user), (Session, self.session), (Account, self.account)];
        tables.into_iter().filter_map(|(table, position)| Some((table, position?)))
    }

    fn positions(&self) -> Vec<usize> {
        self.tables().map(|(_, position)| position).collect()
    }
}

/// Finds sets, where some tables are given by settings.
pub(super) struct Sets<'s> {
    pub(super) tables: &'s Tables<'s>,
    pub(super) given: &'s BTreeMap<AuthTable, usize>,
    pub(super) remarks: &'s mut Remarks,
}

impl Sets<'_> {
    /// Returns the set that the app uses. It is empty if there is none, or if it is not clear which one the app uses.
    ///
    /// Of several sets, it is the one with rows: an older version of Taskbridge may have created an empty set next to
    /// renamed tables. A set outside of the search path, such as a backup, does not count if one in the search path has
    /// rows.
    pub(super) fn used(&mut self) -> Set {
        let sets = self.all();
        let tables = self.tables;
        let given = self.given;
        let has_rows = |set: &&Set| {
            set.tables().any(|(table, position)| !given.contains_key(&table) && tables.may_have_rows(position))
        };
        let is_in_path = |set: &&Set| set.positions().iter().all(|position| tables.get(*position).is_in_path);
        let is_canonical =
            |set: &&Set| set.tables().all(|(table, position)| tables.named(table, None) == Some(position));
        let (in_path, outside): (Vec<&Set>, Vec<&Set>) = sets.iter().partition(is_in_path);
        let used_in_path: Vec<_> = in_path.iter().copied().filter(has_rows).collect();
        let used_outside: Vec<_> = outside.iter().copied().filter(has_rows).collect();
        let first = |sets: &[&Set]| sets.iter().copied().find(is_canonical).or_else(|| sets.first().copied()).cloned();
        let used = match (sets.as_slice(), used_in_path.as_slice(), used_outside.as_slice()) {
            ([set], _, _) => Some(set.clone()),
            (_, [set], _) => Some((*set).clone()),
            (_, [], [set]) if in_path.is_empty() => Some((*set).clone()),
            (_, [], []) => first(&in_path).or_else(|| first(&outside)),
            (_, [], _) => self.refuse(&[in_path, used_outside].concat()),
            _ => self.refuse(&used_in_path),
        };
        let Some(used) = used else { return Set::default() };
        for other in sets.iter().filter(|set| **set != used) {
            self.mention(other, &used, has_rows(&other));
        }
        used
    }

    /// Refuses sets of which each could be the one that the app uses.
    fn refuse(&mut self, rivals: &[&Set]) -> Option<Set> {
        for table in [User, Session, Account].into_iter().filter(|table| !self.given.contains_key(table)) {
            let of_set = |set: &&Set| set.tables().find(|(name, _)| *name == table).map(|(_, position)| position);
            let mut all: Vec<_> = rivals.iter().filter_map(of_set).collect();
            all.dedup();
            self.remarks.ambiguous(table, &self.tables.list(&all));
        }
        None
    }

    /// Adds a notice about tables that look like Better Auth's but are not used.
    fn mention(&mut self, other: &Set, used: &Set, has_rows: bool) {
        // Tables that refer to others come first, so that they can be dropped in this order.
        let unused = [other.account, other.session, other.user].into_iter().flatten();
        let unused: Vec<_> = unused.filter(|position| !used.positions().contains(position)).collect();
        let (unused, used) = (self.tables.list(&unused), self.tables.list(&used.positions()));
        if unused.is_empty() {
            return;
        }
        let quoted: Vec<_> = unused.iter().map(|found| found.quoted()).collect();
        let (unused, used) = (list(&unused, ", "), list(&used, ", "));
        self.remarks.notices.push(if has_rows {
            let settings = "auth.tables.user, auth.tables.session and auth.tables.account";
            Notice {
                found: format!("the tables {unused} look like Better Auth's, but {used} are used"),
                next: format!("no action is needed if this is right; otherwise set {settings}"),
            }
        } else {
            Notice {
                found: format!("the tables {unused} are empty, and {used} are used"),
                next: format!("if no program uses the empty tables, run: drop table {}", quoted.join(", ")),
            }
        });
    }

    /// Returns all tables that look like a set of Better Auth's.
    fn all(&mut self) -> Vec<Set> {
        let tables = self.tables;
        let refers_to_given = |position: &usize| {
            let target = self.given.get(&User).zip(tables.users_of(Account, *position));
            target.is_none_or(|(given, target)| *given == target)
        };
        let accounts: Vec<_> = self.anchors(Account).into_iter().filter(refers_to_given).collect();
        if !accounts.is_empty() {
            return accounts.into_iter().map(|account| self.of_account(account)).collect();
        }
        // Tables of tokens do not record the client, so a table that does is one of sessions.
        let records_client = |position: &usize| {
            let has = |column| tables.has(*position, Session, column);
            self.given.contains_key(&Session) || has("ipAddress") && has("userAgent")
        };
        let sessions: Vec<_> = self.anchors(Session).into_iter().filter(records_client).collect();
        sessions
            .into_iter()
            .map(|session| Set { user: self.users_of(Session, session), session: Some(session), account: None })
            .collect()
    }

    fn anchors(&self, table: AuthTable) -> Vec<usize> {
        self.given.get(&table).map_or_else(|| self.tables.candidates(table), |position| vec![*position])
    }

    fn of_account(&mut self, account: usize) -> Set {
        let user = self.users_of(Account, account);
        Set { user, session: self.sessions_of(user, account), account: Some(account) }
    }

    /// Returns the table of the users to which the rows of an account or session table belong.
    fn users_of(&mut self, table: AuthTable, position: usize) -> Option<usize> {
        if let Some(users) = self.given.get(&User).copied().or_else(|| self.tables.users_of(table, position)) {
            return Some(users);
        }
        let schema = &self.tables.get(position).schema;
        let mut beside = self.tables.candidates(User);
        beside.retain(|other| self.tables.get(*other).schema == *schema);
        self.one_of(User, &beside, |name| ["user", "users"].contains(&name))
    }

    /// Returns the table of the sessions that belong to the same users as an account table.
    fn sessions_of(&mut self, users: Option<usize>, account: usize) -> Option<usize> {
        if let Some(position) = self.given.get(&Session) {
            return Some(*position);
        }
        let tables = self.tables;
        let mut all = tables.candidates(Session);
        all.retain(|position| match tables.users_of(Session, *position) {
            Some(target) => users == Some(target),
            None => tables.get(*position).schema == tables.get(account).schema,
        });
        let score = |position: &usize| tables.get(*position).score(Session, tables.overrides);
        let best = all.iter().map(score).max().unwrap_or_default();
        all.retain(|position| score(position) == best);
        self.one_of(Session, &all, |name| name.contains("session"))
    }

    /// Returns the only one of several tables, or the only one with rows, or the only one with a fitting name.
    fn one_of(&mut self, table: AuthTable, all: &[usize], is_fitting: impl Fn(&str) -> bool) -> Option<usize> {
        let tables = self.tables;
        let used: Vec<_> = all.iter().copied().filter(|position| tables.may_have_rows(*position)).collect();
        let is_fitting = |position: &usize| is_fitting(&plain(&tables.get(*position).name));
        let fitting: Vec<_> = all.iter().copied().filter(is_fitting).collect();
        for some in [all, &used, &fitting] {
            if let [position] = some {
                return Some(*position);
            }
        }
        let canonical = tables.named(table, None).filter(|position| all.contains(position));
        if canonical.is_none() && !all.is_empty() {
            self.remarks.ambiguous(table, &tables.list(all));
        }
        canonical
    }
}
