//! Finds the users of another backend among Better Auth's users, by their email addresses.

use std::collections::HashMap;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbErr};
use taskbridge_schema::{AuthTable, Overrides, Plan, Purpose, QualifiedName, TableMap, plain, quoted};

use super::columns::{as_text, id_as_text};
use super::source;
use super::statement::matching;
use crate::catalog::Column;
use crate::error::refused;

/// The table of the other backend's users.
pub(super) struct OldUsers {
    /// The quoted name of the table.
    table: String,
    /// The SQL expression that reads an id as text.
    id: String,
    /// The SQL expression that reads an email address as text.
    email: String,
}

impl OldUsers {
    /// Finds the table and its columns.
    ///
    /// # Errors
    /// A refusal if the table does not exist, or has no ids or email addresses.
    pub(super) async fn find(source: &DatabaseConnection, from: &QualifiedName) -> Result<Self, DbErr> {
        let table = source::find(source, from).await?;
        let find = |names: &[&str]| -> Option<&Column> {
            names.iter().find_map(|name| table.columns.iter().find(|column| plain(&column.name) == *name))
        };
        let (Some(id), Some(email)) = (find(&["id", "userid", "uuid"]), find(&["email", "emailaddress", "mail"]))
        else {
            return Err(refused(&from.name, "has no columns id and email, by which users could be found"));
        };
        let backend = source.get_database_backend();
        Ok(Self {
            table: source::quoted_name(from),
            id: id_as_text(backend, &id.name, &id.data_type),
            email: as_text(backend, &quoted(&email.name)),
        })
    }
}

/// Finds users by the email addresses of those of the other backend.
pub(super) struct Emails<'c> {
    pub(super) source: &'c DatabaseConnection,
    pub(super) old_users: OldUsers,
    /// The database that contains Better Auth's users.
    pub(super) db: &'c DatabaseConnection,
    /// The table of Better Auth's users, if it has been created.
    pub(super) users: Option<TableMap>,
    /// `true` to accept users who have not verified the address.
    pub(super) accept_unverified: bool,
}

/// A user of Better Auth.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) id: String,
    /// `true` if the user has verified the email address.
    pub(super) is_verified: bool,
}

/// Returns the table of Better Auth's users in a database.
///
/// # Errors
/// A refusal if there is none.
pub(super) async fn users_in(db: &DatabaseConnection, overrides: &Overrides) -> Result<TableMap, DbErr> {
    let plan = Plan::read(db, Purpose::Bridge, overrides).await?;
    let users = plan.map.table(AuthTable::User);
    if plan.existing.contains(&AuthTable::User) {
        return Ok(users.clone());
    }
    let line = "Better Auth's users are not in this database, so no user can be found by email address; name the database that \
                contains them with --users-url";
    Err(refused(&users.name, line))
}

impl Emails<'_> {
    /// Returns the user of each of these owners. An owner is missing if not exactly one user has the address.
    pub(super) async fn find(&self, owners: &[String]) -> Result<HashMap<String, Found>, DbErr> {
        let Self { source, old_users, db, users: Some(better_auth), .. } = self else { return Ok(HashMap::new()) };
        let selected = [(old_users.id.as_str(), "id"), (old_users.email.as_str(), "email")];
        let mut addresses = Vec::new();
        for row in matching(source, &old_users.id, &old_users.table, &selected, owners).await? {
            let email: Option<String> = row.try_get("", "email")?;
            addresses.push((row.try_get::<String>("", "id")?, email.unwrap_or_default().trim().to_lowercase()));
        }
        // The tasks of two users of the other backend must not become those of one.
        let wanted: Vec<_> = addresses.iter().map(|(_, email)| email.clone()).collect();
        let email = format!("lower(trim({}))", old_users.email);
        let mut counts: HashMap<String, u32> = HashMap::new();
        for row in matching(source, &email, &old_users.table, &[(&email, "email")], &wanted).await? {
            *counts.entry(row.try_get("", "email")?).or_default() += 1;
        }
        addresses.retain(|(_, email)| counts.get(email).is_none_or(|count| *count == 1));
        let wanted: Vec<_> =
            addresses.iter().map(|(_, email)| email.clone()).filter(|email| !email.is_empty()).collect();

        let email = format!("lower({})", column(better_auth, "email"));
        let id = as_text(db.get_database_backend(), &column(better_auth, "id"));
        let verified = format!("case when {} then 'true' else 'false' end", column(better_auth, "emailVerified"));
        let selected = [(id.as_str(), "id"), (email.as_str(), "email"), (verified.as_str(), "verified")];
        let mut users: HashMap<String, Vec<Found>> = HashMap::new();
        for row in matching(db, &email, &better_auth.quoted(), &selected, &wanted).await? {
            let is_verified = row.try_get::<String>("", "verified")? == "true";
            let found = Found { id: row.try_get("", "id")?, is_verified };
            users.entry(row.try_get("", "email")?).or_default().push(found);
        }
        let only = |email: &String| match users.get(email)?.as_slice() {
            [user] => Some(user.clone()),
            _ => None,
        };
        Ok(addresses.into_iter().filter_map(|(owner, email)| Some((owner, only(&email)?))).collect())
    }
}

/// Returns the quoted name of a column of Better Auth's users.
pub(super) fn column(users: &TableMap, name: &str) -> String {
    quoted(users.columns.get(name).map_or(name, |column| &column.name))
}
