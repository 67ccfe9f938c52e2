//! Counts the users whose email address is stored with capital letters.
//!
//! Such users cannot sign in with a password, as in Better Auth: it converts the address that a user enters to lower
//! case, and looks for exactly this text.

use std::borrow::Cow;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use taskbridge_domain::ports::StoreError;
use taskbridge_schema::AuthTable;

use super::Store;
use super::catalog::has_columns;
use super::error::store_error;

/// The users whose email address is stored with capital letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapitalizedEmails {
    /// Number of these users.
    pub users: u64,
    /// Number of these users whose address, in lower case, would be that of another user, too.
    pub colliding: u64,
    /// A statement that stores the addresses in lower case, except those that would collide.
    pub conversion: String,
    /// A query for the addresses that would collide.
    pub collisions: String,
}

/// Returns the expression for an address in lower case. It converts only the letters A to Z, on both databases. All other
/// letters are invalid in the address of a sign-in.
pub(super) fn in_lower_case(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => r#"lower("user.email")"#,
        _ => r#"lower("user.email" collate "C")"#,
    }
}

impl Store {
    /// Counts the users whose email address is stored with capital letters. Scans the table `user` once.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn capitalized_emails(&self) -> Result<CapitalizedEmails, StoreError> {
        self.count_capitalized().await.map_err(store_error)
    }

    async fn count_capitalized(&self) -> Result<CapitalizedEmails, DbErr> {
        let backend = self.pool.get_database_backend();
        let lower = in_lower_case(backend);
        let email = r#""user.email""#;
        let collisions = format!(
            r#"select {lower} from "better_auth.user" where {email} is not null group by {lower} having count(*) > 1"#
        );
        let conversion = format!(
            r#"update "better_auth.user" set {email} = {lower} where {email} <> {lower} and {lower} not in ({collisions})"#
        );
        let real = |sql| self.pool.rewrite(sql).map(Cow::into_owned);
        let (conversion, collisions) = (real(&conversion)?, real(&collisions)?);
        let report = |users, colliding| Ok(CapitalizedEmails { users, colliding, conversion, collisions });
        if !has_columns(&self.pool, AuthTable::User, &["email"]).await? {
            return report(0, 0);
        }
        let select = format!(
            r#"select cast(coalesce(sum(capitalized), 0) as bigint) as users,
                 cast(coalesce(sum(case when total > 1 then capitalized end), 0) as bigint) as colliding
               from (
                 select count(*) as total, sum(case when {email} <> {lower} then 1 else 0 end) as capitalized
                 from "better_auth.user" group by {lower}
               ) as addresses"#
        );
        let row = self.pool.query_one_raw(Statement::from_string(backend, select)).await?;
        let count = |name| -> Result<u64, DbErr> {
            let count = row.as_ref().map(|row| row.try_get::<i64>("", name)).transpose()?;
            Ok(count.unwrap_or_default().unsigned_abs())
        };
        report(count("users")?, count("colliding")?)
    }
}
