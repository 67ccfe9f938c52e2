//! Finds the users to whom the imported tasks belong.

use std::collections::{BTreeSet, HashMap};

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::{AuthTable, IdKind, Plan, Purpose, QualifiedName, TableMap};

use super::columns::{Columns, as_text};
use super::emails::{Emails, OldUsers, column, users_in};
use super::statement::matching;
use super::target::Target;
use crate::adopt::tasks;
use crate::catalog;
use crate::context::Context;
use crate::error::{MigrateError, refused};
use crate::task_fields::TaskField;
use crate::users::Users;

/// Number of owners that are remembered between batches.
const REMEMBERED: usize = 100_000;

/// The result for a row.
pub(super) enum Resolution {
    /// It becomes a task of the user with this id.
    User(String),
    /// It is left.
    Left(Reason),
}

/// The reason for which a row is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The row has no owner.
    NoOwner,
    /// The owner is not a user.
    UnknownOwner,
}

/// The users to whom tasks can belong.
enum KnownUsers {
    /// The users in this table.
    In(TableMap),
    /// No user, because the table of users has not been created yet.
    None,
    /// Any user, because the users are in another database.
    Any,
}

/// Finds users by the owners of the table.
pub(super) struct Finder<'c> {
    db: &'c DatabaseConnection,
    users: KnownUsers,
    /// The kind of ids of the owners of tasks.
    kind: IdKind,
    emails: Option<Emails<'c>>,
    /// The user who gets the tasks without a known owner.
    default: Option<String>,
    /// The user of each owner, or `None` for an owner who is not a user.
    found: HashMap<String, Option<String>>,
    /// Number of owners who were found by their email address.
    by_email: u64,
    /// Number of those whose email address has not been verified.
    unverified: u64,
}

impl<'c> Finder<'c> {
    /// Prepares to find users. `default` is the user who gets the tasks without a known owner, `old_users` are those whose ids the tasks contain, if these are not Better Auth's, and
    /// `users_db` is the database of Better Auth's users, if the operator has named it.
    ///
    /// # Errors
    /// A refusal if the user who gets the tasks without a known owner does not exist, or users cannot be found by email
    /// address because Better Auth's are in neither database.
    pub(super) async fn new(
        accept_unverified: bool,
        default: Option<String>,
        old_users: Option<OldUsers>,
        target: &Target<'c>,
        source: &'c DatabaseConnection,
        users_db: Option<&'c DatabaseConnection>,
        context: &Context,
    ) -> Result<Self, MigrateError> {
        let db = target.db;
        let plan = context.plan(db).await?;
        let map = plan.map.table(AuthTable::User).clone();
        let exists = plan.existing.contains(&AuthTable::User);
        let (users, kind) = match context.users {
            Users::Here if exists => (KnownUsers::In(map.clone()), map.id),
            Users::Here => (KnownUsers::None, map.id),
            // A foreign key would refuse other owners.
            Users::Elsewhere if exists && tasks::refer_or_would(db, context, target.exists()).await? => {
                (KnownUsers::In(map.clone()), target.owner_ids())
            }
            Users::Elsewhere => (KnownUsers::Any, target.owner_ids()),
        };
        let emails = match old_users {
            None => None,
            Some(old_users) => {
                let (db, users) = if let Some(users_db) = users_db {
                    (users_db, Some(users_in(users_db, &context.overrides).await?))
                } else if exists || context.users == Users::Here {
                    // In server mode, users sign up in this database, even if its table of users does not exist yet.
                    (db, exists.then_some(map))
                } else {
                    (source, Some(users_in(source, &context.overrides).await?))
                };
                Some(Emails { source, old_users, db, users, accept_unverified })
            }
        };
        let finder = Self { db, users, kind, emails, default, found: HashMap::new(), by_email: 0, unverified: 0 };
        if let Some(owner) = &finder.default
            && !finder.existing(std::slice::from_ref(owner)).await?.contains(owner)
        {
            let line = format!("there is no user with the id \"{owner}\"; give the id, not the email address");
            return Err(refused("user", &line).into());
        }
        Ok(finder)
    }

    /// Finds the users of these owners, so that [`resolve`](Self::resolve) knows them.
    pub(super) async fn find(&mut self, owners: impl Iterator<Item = &str>) -> Result<(), DbErr> {
        if self.found.len() > REMEMBERED {
            self.found.clear();
        }
        let new: BTreeSet<_> = owners.filter(|owner| !self.found.contains_key(*owner)).map(str::to_owned).collect();
        let new: Vec<_> = new.into_iter().collect();
        if new.is_empty() {
            return Ok(());
        }
        let users: HashMap<_, _> = match &self.emails {
            None => new.iter().map(|owner| (owner.clone(), owner.clone())).collect(),
            Some(emails) => {
                let users = emails.find(&new).await?;
                self.unverified += users.values().filter(|user| !user.is_verified).count() as u64;
                let accepted = users.into_iter().filter(|(_, user)| user.is_verified || emails.accept_unverified);
                let accepted: HashMap<_, _> = accepted.map(|(owner, user)| (owner, user.id)).collect();
                self.by_email += accepted.len() as u64;
                accepted
            }
        };
        let ids: Vec<_> = users.values().cloned().collect();
        let existing = self.existing(&ids).await?;
        for owner in new {
            let user = users.get(&owner).filter(|user| existing.contains(*user)).cloned();
            self.found.insert(owner, user);
        }
        Ok(())
    }

    /// Returns those of the ids that belong to users.
    async fn existing(&self, ids: &[String]) -> Result<BTreeSet<String>, DbErr> {
        let ids: Vec<_> = ids.iter().filter(|id| !id.is_empty() && self.kind.accepts(id)).cloned().collect();
        let users = match &self.users {
            KnownUsers::Any => return Ok(ids.into_iter().collect()),
            KnownUsers::None => return Ok(BTreeSet::new()),
            KnownUsers::In(users) => users,
        };
        let id = as_text(self.db.get_database_backend(), &column(users, "id"));
        let rows = matching(self.db, &id, &users.quoted(), &[(&id, "id")], &ids).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    /// Returns what becomes of a row with this owner, whom [`find`](Self::find) has looked for.
    pub(super) fn resolve(&self, owner: Option<&str>) -> Resolution {
        let user = owner.and_then(|owner| self.found.get(owner)).cloned().flatten();
        match (user.or_else(|| self.default.clone()), owner) {
            (Some(user), _) => Resolution::User(user),
            (None, None) => Resolution::Left(Reason::NoOwner),
            (None, Some(_)) => Resolution::Left(Reason::UnknownOwner),
        }
    }

    /// Returns the number of owners who were found by their email address, and of those of them who have not verified it.
    pub(super) fn found_by_email(&self) -> (u64, u64) {
        (self.by_email, self.unverified)
    }
}

/// Returns the table of other users to which the integer owners of the table refer, if it is not that of Better Auth's
/// users.
pub(super) async fn other_users(
    source: &DatabaseConnection,
    from: &QualifiedName,
    columns: &Columns,
    context: &Context,
) -> Result<Option<String>, DbErr> {
    if !columns.has_integer_owners() {
        return Ok(None);
    }
    let references = catalog::references(source, &from.name, columns.name(TaskField::UserId)).await?;
    let Some(reference) = references.into_iter().next() else { return Ok(None) };
    let plan = Plan::read(source, Purpose::Bridge, &context.overrides).await?;
    let is_better_auths =
        plan.existing.contains(&AuthTable::User) && plan.map.table(AuthTable::User).name == reference.table;
    Ok((!is_better_auths).then_some(reference.table))
}
