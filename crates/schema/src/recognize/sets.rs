//! Finds the core tables of the app: those without which its users cannot sign in.
//!
//! The table `account` proves that tables are Better Auth's: hardly another program has a column for the id of a
//! provider next to one for the id of an account. Its foreign key leads to the users, and theirs to the sessions. These
//! three tables are a [`Set`]. Other tables of an app can look like one of the three, such as a table of refresh tokens,
//! but they are not part of a set.

use std::collections::BTreeMap;

use super::candidates::{Remarks, Tables, list};
use crate::found::FoundTable;
use crate::names::{self, plain};
use crate::table::AuthTable;
use crate::verdict::{Notice, Refusal};

use AuthTable::{Account, Session, User};

/// Tables that belong together: those of one app. Of each table there are none, one, or several that cannot be told
/// apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    user: Vec<usize>,
    session: Vec<usize>,
    account: Vec<usize>,
}

impl Set {
    fn choices(&self) -> [(AuthTable, &[usize]); 3] {
        [(User, &self.user), (Session, &self.session), (Account, &self.account)]
    }

    /// Returns the tables that are known.
    pub(super) fn tables(&self) -> impl Iterator<Item = (AuthTable, usize)> {
        let known = |(table, choices): (AuthTable, &[usize])| match choices {
            [position] => Some((table, *position)),
            _ => None,
        };
        self.choices().into_iter().filter_map(known)
    }

    fn positions(&self) -> Vec<usize> {
        self.choices().into_iter().flat_map(|(_, choices)| choices).copied().collect()
    }
}

/// The set that the app uses.
#[derive(Debug, Default)]
pub(super) struct Used {
    /// The set. It is empty if there is none, or if it is not clear which one the app uses.
    pub(super) set: Set,
    /// `true` if the tables with Better Auth's names are another set, without users.
    pub(super) is_beside_second_set: bool,
}

/// Finds sets, where some tables are given by settings.
pub(super) struct Sets<'s> {
    pub(super) tables: &'s Tables<'s>,
    pub(super) given: &'s BTreeMap<AuthTable, usize>,
    pub(super) remarks: &'s mut Remarks,
}

impl<'s> Sets<'s> {
    /// Returns the set that the app uses.
    ///
    /// The users in the table `user` of the current schema are the app's, unless the table is empty and there are users
    /// in exactly one other complete set: an older version of Taskbridge created an empty set next to renamed tables. A
    /// set outside of the search path can be of another app. It is used if the current schema is `public`, the default,
    /// and there is no other set.
    pub(super) fn used(&mut self) -> Used {
        let sets = self.all();
        let used = self.choose(&sets);
        for (table, choices) in used.set.choices() {
            self.remarks.ambiguous(table, &self.tables.list(choices));
        }
        if used.set != Set::default() {
            for other in sets.iter().filter(|set| **set != used.set && !set.account.is_empty()) {
                self.mention(other, &used.set);
            }
        }
        used
    }

    fn choose(&mut self, sets: &[Set]) -> Used {
        let tables = self.tables;
        let is_named = [User, Session, Account].iter().any(|table| self.given.contains_key(table));
        let is_in_path = |set: &Set| set.positions().iter().all(|position| tables.get(*position).is_in_path);
        let (inside, outside): (Vec<_>, Vec<_>) = sets.iter().partition(|set| is_named || is_in_path(set));
        let is_public = tables.found.current_schema.as_deref() == Some("public");
        let one = |set: &Set| Used { set: set.clone(), is_beside_second_set: false };
        let canonical = tables.named(User, None).map(|position| vec![position]);
        if let Some(canonical) = inside.iter().find(|set| Some(&set.user) == canonical.as_ref()) {
            if self.may_have_users(canonical) {
                return one(canonical);
            }
            let others = inside.iter().chain(outside.iter().filter(|_| is_public));
            let others: Vec<_> = others.copied().filter(|set| self.is_complete(set) && self.has_users(set)).collect();
            return match others.as_slice() {
                [] => one(canonical),
                [other] => Used { set: (*other).clone(), is_beside_second_set: true },
                _ => self.refuse(&others),
            };
        }
        let used: Vec<_> = inside.iter().copied().filter(|set| self.may_have_users(set)).collect();
        match (inside.as_slice(), used.as_slice(), outside.as_slice()) {
            ([set], ..) | (_, [set], _) => one(set),
            ([_, ..], ..) => self.refuse(&inside),
            ([], _, []) => Used::default(),
            ([], _, [set]) if is_public => {
                self.mention_outside(set);
                one(set)
            }
            _ => self.refuse_outside(&outside),
        }
    }

    fn may_have_users(&self, set: &Set) -> bool {
        set.user.iter().any(|position| self.tables.may_have_rows(*position))
    }

    fn has_users(&self, set: &Set) -> bool {
        set.user.iter().any(|position| self.tables.get(*position).has_rows == Some(true))
    }

    fn is_complete(&self, set: &Set) -> bool {
        set.tables().filter(|(table, position)| self.tables.looks_like(*table, *position)).count() == 3
    }

    /// Refuses sets of which each could be the one that the app uses.
    fn refuse(&mut self, rivals: &[&Set]) -> Used {
        for (table, all) in self.each_table(rivals) {
            self.remarks.ambiguous(table, &all);
        }
        Used::default()
    }

    /// Refuses sets outside of the search path.
    fn refuse_outside(&mut self, rivals: &[&Set]) -> Used {
        for (table, all) in self.each_table(rivals) {
            let values: Vec<_> = all.iter().map(|found| setting(found)).collect();
            self.remarks.refusals.push(Refusal {
                table: table.name().to_owned(),
                column: None,
                found: format!("exists only outside of the search path ({})", list(&all, ", ")),
                next: format!(
                    "if this is the app's, set {} to {}; otherwise let Better Auth's own migrator create \
                     its tables in the current schema",
                    names::setting(table),
                    values.join(" or ")
                ),
            });
        }
        Used::default()
    }

    /// Returns the candidates for each table that is not given by settings.
    fn each_table(&self, sets: &[&Set]) -> Vec<(AuthTable, Vec<&'s FoundTable>)> {
        let found = self.tables;
        let tables = [User, Session, Account].into_iter().filter(|table| !self.given.contains_key(table));
        let candidates = |table: AuthTable| {
            let of_set =
                |set: &&Set| set.choices().into_iter().find(|(name, _)| *name == table).map(|(_, all)| all.to_vec());
            let mut all: Vec<_> = sets.iter().filter_map(of_set).flatten().collect();
            let mut seen = Vec::new();
            all.retain(|position| {
                !seen.contains(position) && {
                    seen.push(*position);
                    true
                }
            });
            (table, found.list(&all))
        };
        tables.map(candidates).filter(|(_, all)| !all.is_empty()).collect()
    }

    /// Adds a notice about tables that look like Better Auth's but are not used.
    fn mention(&mut self, other: &Set, used: &Set) {
        // Tables that refer to others come first, so that they can be dropped in this order.
        let unused = other.account.iter().chain(&other.session).chain(&other.user).copied();
        let unused: Vec<_> = unused.filter(|position| !used.positions().contains(position)).collect();
        let (unused, used) = (self.tables.list(&unused), self.tables.list(&used.positions()));
        if unused.is_empty() {
            return;
        }
        let quoted: Vec<_> = unused.iter().map(|found| found.quoted()).collect();
        let is_empty = unused.iter().all(|found| found.has_rows == Some(false) && found.is_in_path);
        let (unused, used) = (list(&unused, ", "), list(&used, ", "));
        self.remarks.notices.push(if is_empty {
            Notice {
                found: format!("the tables {unused} are empty, and {used} are used"),
                next: format!("if no program uses the empty tables, run: drop table {}", quoted.join(", ")),
            }
        } else {
            let settings = "auth.tables.user, auth.tables.session and auth.tables.account";
            Notice {
                found: format!("the tables {unused} look like Better Auth's, but {used} are used"),
                next: format!("no action is needed if this is right; otherwise set {settings}"),
            }
        });
    }

    fn mention_outside(&mut self, set: &Set) {
        let used = list(&self.tables.list(&set.positions()), ", ");
        self.remarks.notices.push(Notice {
            found: format!("the tables {used} are used, which are outside of the search path"),
            next: "no action is needed if they are the app's; otherwise let Better Auth's own migrator create its \
                   tables in the current schema"
                .to_owned(),
        });
    }

    /// Returns all tables that look like a set of Better Auth's, one set for each table of users.
    fn all(&self) -> Vec<Set> {
        let mut accounts: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for account in self.anchors(Account, |position| self.is_account(position)) {
            accounts.entry(self.users_of(Account, account)).or_default().push(account);
        }
        let mut sets: Vec<_> = accounts.into_iter().map(|(user, accounts)| self.of_accounts(user, accounts)).collect();
        let has_accounts = !sets.is_empty();
        for session in self.anchors(Session, |position| self.is_session(position)) {
            let user = self.users_of(Session, session);
            let is_canonical = self.tables.named(Session, None) == Some(session);
            if sets.iter().all(|set| set.user != user) && (!has_accounts || is_canonical) {
                sets.push(Set { user, session: vec![session], account: Vec::new() });
            }
        }
        let users = self.given_users();
        sets.retain(|set| users.is_none_or(|users| set.user == [users]));
        sets
    }

    /// Returns the users that the settings name, or to which a table that the settings name refers.
    fn given_users(&self) -> Option<usize> {
        let of = |table: &AuthTable| self.tables.users_of(*table, *self.given.get(table)?);
        self.given.get(&User).copied().or_else(|| [Account, Session].iter().find_map(of))
    }

    fn anchors(&self, table: AuthTable, is_wanted: impl Fn(usize) -> bool) -> Vec<usize> {
        if let Some(position) = self.given.get(&table) {
            return vec![*position];
        }
        let users = self.given_users();
        let fits = |position| {
            let target = self.tables.users_of(table, position);
            users.is_none() || target.is_none() || target == users
        };
        let mut all = self.tables.candidates(table);
        all.retain(|position| is_wanted(*position) && fits(*position));
        all
    }

    /// Returns `true` if a table with the columns by which `account` is recognized is one. Under another name, it has
    /// passwords, and belongs to users with an address.
    fn is_account(&self, position: usize) -> bool {
        self.tables.named(Account, None) == Some(position)
            || self.tables.has(position, Account, "password") && self.belongs_to_users(Account, position)
    }

    /// Returns `true` if a table with the columns by which `session` is recognized proves that tables are Better Auth's.
    /// Tables of tokens do not record the client.
    fn is_session(&self, position: usize) -> bool {
        self.tables.is_called(position, "session")
            && self.records_client(position)
            && self.belongs_to_users(Session, position)
    }

    fn records_client(&self, position: usize) -> bool {
        ["ipAddress", "userAgent"].iter().all(|column| self.tables.has(position, Session, column))
    }

    fn belongs_to_users(&self, table: AuthTable, position: usize) -> bool {
        let has_address = |users| ["email", "emailVerified"].iter().any(|column| self.tables.has(users, User, column));
        self.tables.users_of(table, position).is_none_or(has_address)
    }

    fn of_accounts(&self, user: Vec<usize>, accounts: Vec<usize>) -> Set {
        let account = self.tables.likeliest(Account, accounts);
        let session = account.first().map(|account| self.sessions_of(&user, *account)).unwrap_or_default();
        Set { user, session, account }
    }

    /// Returns the table of the users to which the rows of an account or session table belong. Without a foreign key, it
    /// is in the same schema.
    fn users_of(&self, table: AuthTable, position: usize) -> Vec<usize> {
        if let Some(users) = self.given.get(&User).copied().or_else(|| self.tables.users_of(table, position)) {
            return vec![users];
        }
        let schema = &self.tables.get(position).schema;
        let mut beside = self.tables.candidates(User);
        beside.retain(|other| self.tables.get(*other).schema == *schema);
        let named = ["user", "users"].into_iter().find_map(|name| {
            let is_named = |other: &&usize| plain(&self.tables.get(**other).name) == name;
            let all: Vec<_> = beside.iter().filter(is_named).copied().collect();
            (!all.is_empty()).then(|| self.tables.likeliest(User, all))
        });
        named.unwrap_or(beside)
    }

    /// Returns the table of the sessions that belong to the same users as an account table. Its name says that it
    /// contains sessions. One column may be missing if the table records clients: it has another name.
    fn sessions_of(&self, users: &[usize], account: usize) -> Vec<usize> {
        if let Some(position) = self.given.get(&Session) {
            return vec![*position];
        }
        let tables = self.tables;
        let missing = |position: usize| {
            Session.signature().iter().filter(|column| !tables.has(position, Session, column)).count()
        };
        let belongs = |position: usize| match tables.users_of(Session, position) {
            Some(target) => users.contains(&target),
            None => tables.get(position).schema == tables.get(account).schema && missing(position) == 0,
        };
        let mut all = tables.candidates(Session);
        let renamed = tables.positions(|found| found.is_table && !found.is_of_another);
        all.extend(renamed.into_iter().filter(|position| missing(*position) == 1 && self.records_client(*position)));
        all.retain(|position| tables.is_called(*position, "session") && belongs(*position));
        tables.likeliest(Session, all)
    }
}

/// Returns the value of the setting that names a table.
fn setting(found: &FoundTable) -> String {
    let needs_quotes = |letter: char| letter == '.' || letter == '"' || letter.is_whitespace();
    let part = |name: &str| if name.contains(needs_quotes) { crate::map::quoted(name) } else { name.to_owned() };
    format!("{}.{}", part(&found.schema), part(&found.name))
}
