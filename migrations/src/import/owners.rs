//! Finds the users to whom the imported tasks belong.

use std::collections::{BTreeSet, HashMap};

use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult};
use taskbridge_schema::{AuthTable, IdKind, Plan, Purpose, QualifiedName, TableMap, plain, quoted};

use super::TaskImport;
use crate::catalog;
use crate::error::{MigrateError, refused};
use crate::migrations::Migrations;
use crate::owner_ids;
use crate::users::Users;

/// Number of owners that are remembered between batches.
const REMEMBERED: usize = 100_000;

/// What becomes of a row.
pub(super) enum Resolution {
    /// It becomes a task of the user with this id.
    User(String),
    /// It is left.
    Left(Reason),
}

/// Why a row is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// The row has no owner.
    NoOwner,
    /// The owner is not a user.
    UnknownOwner,
}

/// The users to whom tasks can belong.
enum KnownUsers {
    /// Those in this table.
    In(TableMap),
    /// None, because the table of users has not been created yet.
    None,
    /// Any, because the users are elsewhere.
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

/// Finds users by the email addresses of those of the other backend.
struct Emails<'c> {
    source: &'c DatabaseConnection,
    /// The table of the other backend's users, and its columns of ids and email addresses, quoted.
    old: (String, String, String),
    /// The database that contains Better Auth's users, and their table, if it has been created.
    db: &'c DatabaseConnection,
    users: Option<TableMap>,
}

impl<'c> Finder<'c> {
    /// Prepares to find users.
    ///
    /// # Errors
    /// A refusal if the user who gets the tasks without a known owner does not exist, or users cannot be found by email
    /// address because one of the two tables of users is missing.
    pub(super) async fn new(
        import: &TaskImport,
        db: &'c DatabaseConnection,
        source: &'c DatabaseConnection,
        migrations: &Migrations,
    ) -> Result<Self, MigrateError> {
        let context = &migrations.context;
        let plan = context.plan(db).await?;
        let exists = plan.existing.contains(&AuthTable::User);
        let map = plan.map.table(AuthTable::User).clone();
        let must_exist = match context.users {
            Users::Here => true,
            // A foreign key would refuse other owners.
            Users::Elsewhere => exists && !catalog::references(db, "tasks", "user_id").await?.is_empty(),
        };
        let kind = match context.users {
            Users::Here => map.id,
            Users::Elsewhere => owner_ids::kind(db).await?,
        };
        let emails = match &import.users_from {
            None => None,
            Some(from) => {
                // In server mode, the users are here, even if none has signed up yet.
                let here = (exists || context.users == Users::Here).then(|| (db, map.clone(), exists));
                Some(Emails::new(source, from, here, &plan, migrations).await?)
            }
        };
        let users = match (must_exist, exists) {
            (false, _) => KnownUsers::Any,
            (true, true) => KnownUsers::In(map),
            (true, false) => KnownUsers::None,
        };
        let finder = Self {
            db,
            users,
            kind,
            emails,
            default: import.owner.clone(),
            found: HashMap::new(),
            by_email: 0,
            unverified: 0,
        };
        if let Some(owner) = &finder.default
            && !finder.existing(std::slice::from_ref(owner)).await?.contains(owner)
        {
            let line = format!("there is no user with the id \"{owner}\"; give the id, not the e-mail address");
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
                self.by_email += users.len() as u64;
                self.unverified += users.values().filter(|(_, verified)| !verified).count() as u64;
                users.into_iter().map(|(owner, (user, _))| (owner, user)).collect()
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
        let id = column(users, "id");
        let rows =
            matching(self.db, &as_text(self.db, &id), &users.quoted(), &[(&as_text(self.db, &id), "id")], &ids).await?;
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

impl<'c> Emails<'c> {
    async fn new(
        source: &'c DatabaseConnection,
        from: &QualifiedName,
        here: Option<(&'c DatabaseConnection, TableMap, bool)>,
        plan: &Plan,
        migrations: &Migrations,
    ) -> Result<Self, MigrateError> {
        let Some(table) = catalog::table_in(source, from.schema.as_deref(), &from.name).await? else {
            return Err(refused(&from.name, "does not exist in the database that is imported from").into());
        };
        let find = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| table.columns.iter().find(|column| plain(&column.name) == *name))
                .map(|column| quoted(&column.name))
        };
        let (Some(id), Some(email)) = (find(&["id", "userid", "uuid"]), find(&["email", "emailaddress", "mail"]))
        else {
            return Err(refused(&from.name, "has no columns id and email, by which users could be found").into());
        };
        let (db, users) = if let Some((db, map, exists)) = here {
            (db, exists.then_some(map))
        } else {
            let there = Plan::read(source, Purpose::Bridge, &migrations.context.overrides).await?;
            if !there.existing.contains(&AuthTable::User) {
                let line = "Better Auth's users are neither in this database nor in the one that is imported from, so no user \
                            can be found by email address";
                return Err(refused(&plan.map.table(AuthTable::User).name, line).into());
            }
            (source, Some(there.map.table(AuthTable::User).clone()))
        };
        let schema = from.schema.as_ref().map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        Ok(Self { source, old: (format!("{schema}{}", quoted(&from.name)), id, email), db, users })
    }

    /// Returns the user of each of these owners, and whether that user has verified the email address. An owner is missing if
    /// not exactly one user has the address.
    async fn find(&self, owners: &[String]) -> Result<HashMap<String, (String, bool)>, DbErr> {
        let Some(better_auth) = &self.users else { return Ok(HashMap::new()) };
        let (table, id, email) = &self.old;
        let id = as_text(self.source, id);
        let rows = matching(self.source, &id, table, &[(&id, "id"), (email, "email")], owners).await?;
        let address = |row: &QueryResult| {
            let email: Option<String> = row.try_get("", "email")?;
            Ok::<_, DbErr>((row.try_get::<String>("", "id")?, email.unwrap_or_default().trim().to_lowercase()))
        };
        let addresses = rows.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let wanted: Vec<_> =
            addresses.iter().map(|(_, email)| email.clone()).filter(|email| !email.is_empty()).collect();

        let email = format!("lower({})", column(better_auth, "email"));
        let id = as_text(self.db, &column(better_auth, "id"));
        let verified = format!("case when {} then 'true' else 'false' end", column(better_auth, "emailVerified"));
        let selected = [(id.as_str(), "id"), (email.as_str(), "email"), (verified.as_str(), "verified")];
        let mut users: HashMap<String, Vec<(String, bool)>> = HashMap::new();
        for row in matching(self.db, &email, &better_auth.quoted(), &selected, &wanted).await? {
            let verified: String = row.try_get("", "verified")?;
            users.entry(row.try_get("", "email")?).or_default().push((row.try_get("", "id")?, verified == "true"));
        }
        let only = |email: &String| match users.get(email)?.as_slice() {
            [user] => Some(user.clone()),
            _ => None,
        };
        Ok(addresses.into_iter().filter_map(|(owner, email)| Some((owner, only(&email)?))).collect())
    }
}

/// Returns the quoted name of a column of Better Auth's users.
fn column(users: &TableMap, name: &str) -> String {
    quoted(users.columns.get(name).map_or(name, |column| &column.name))
}

fn as_text(db: &DatabaseConnection, column: &str) -> String {
    if db.get_database_backend() == DbBackend::Postgres {
        format!("{column}::text")
    } else {
        format!("cast({column} as text)")
    }
}

/// Selects the rows of a table in which an expression has one of the values.
async fn matching(
    db: &DatabaseConnection,
    expression: &str,
    table: &str,
    selected: &[(&str, &str)],
    values: &[String],
) -> Result<Vec<QueryResult>, DbErr> {
    let list = if db.get_database_backend() == DbBackend::Postgres {
        "select value from json_array_elements_text($1::text::json) as list (value)"
    } else {
        "select value from json_each(?1)"
    };
    let selected: Vec<_> = selected.iter().map(|(value, name)| format!("{value} as \"{name}\"")).collect();
    let sql = format!("select {} from {table} where {expression} in ({list})", selected.join(", "));
    catalog::rows(db, &sql, [&super::json(&values)?]).await
}
