//! Counts the users who are marked as restricted.

use std::fmt;

use sea_orm::{ConnectionTrait, DbErr, Statement};
use taskbridge_domain::ports::StoreError;

use super::columns::{RestrictionColumns, SecondFactor, confirmed_factors};
use super::flag::says_no;
use super::names::Meaning;
use crate::database::Store;
use crate::database::catalog::{Column, other_user_columns, second_factors};
use crate::database::error::store_error;

/// The numbers of users who are marked as restricted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestrictionReport {
    /// Number of users who are marked as banned, including those whose ban has ended; `None` if the database does not
    /// store bans.
    pub banned: Option<u64>,
    /// Number of users with a second factor, who cannot sign in with Taskbridge; `None` if the database does not store
    /// second factors.
    pub second_factor: Option<u64>,
    /// Columns of `user` that Taskbridge ignores although their names suggest a restriction.
    pub ignored: Vec<IgnoredColumn>,
}

/// An ignored column of the table `user` whose name suggests a restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredColumn {
    /// Name of the column.
    pub name: String,
    /// Number of users whom the column seems to mark as restricted.
    pub users: u64,
}

/// Shows the name and the number of users: `isActive (3 users)`.
impl fmt::Display for IgnoredColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, users } = self;
        write!(f, "{name} ({users} {})", if *users == 1 { "user" } else { "users" })
    }
}

impl Store {
    /// Counts the users who are marked as restricted. Scans the table `user` once for each column that marks users.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn restrictions(&self) -> Result<RestrictionReport, StoreError> {
        self.count_restricted().await.map_err(store_error)
    }

    /// Returns the ignored columns of `user` whose names suggest a restriction. Scans the table once for each of them.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn ignored_columns(&self) -> Result<Vec<IgnoredColumn>, StoreError> {
        let users = other_user_columns(&self.pool).await.map_err(store_error)?;
        self.count_ignored(&users, &RestrictionColumns::among(&users, &[])).await.map_err(store_error)
    }

    /// Returns `true` if a user is marked as banned, including those whose ban has ended.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub(in crate::database) async fn has_bans(&self) -> Result<bool, StoreError> {
        let users = other_user_columns(&self.pool).await.map_err(store_error)?;
        let banned = RestrictionColumns::among(&users, &[]).banned;
        let banned = self.count_if(banned.map(|column| condition(&column, Meaning::Restricted))).await;
        Ok(banned.map_err(store_error)?.is_some_and(|users| users > 0))
    }

    async fn count_restricted(&self) -> Result<RestrictionReport, DbErr> {
        let (users, second_factors) = (other_user_columns(&self.pool).await?, second_factors(&self.pool).await?);
        let known = RestrictionColumns::among(&users, &second_factors);
        let ignored = self.count_ignored(&users, &known).await?;
        let banned = known.banned.map(|column| condition(&column, Meaning::Restricted));
        let second_factor = match known.second_factor {
            SecondFactor::None => None,
            SecondFactor::Column(column) => Some(condition(&column, Meaning::Restricted)),
            SecondFactor::Tables(tables) => {
                let confirmed = confirmed_factors(&tables);
                Some(format!(r#"cast("user.id" as text) in ({confirmed})"#))
            }
        };
        Ok(RestrictionReport {
            banned: self.count_if(banned).await?,
            second_factor: self.count_if(second_factor).await?,
            ignored,
        })
    }

    async fn count_ignored(&self, users: &[Column], known: &RestrictionColumns) -> Result<Vec<IgnoredColumn>, DbErr> {
        let mut ignored = Vec::new();
        for column in users.iter().filter(|column| !known.include(column)) {
            if let Some(meaning) = Meaning::of(&column.name) {
                let users = self.count(&condition(column, meaning)).await?;
                ignored.push(IgnoredColumn { name: column.name.clone(), users });
            }
        }
        Ok(ignored)
    }

    async fn count_if(&self, condition: Option<String>) -> Result<Option<u64>, DbErr> {
        match condition {
            Some(condition) => self.count(&condition).await.map(Some),
            None => Ok(None),
        }
    }

    async fn count(&self, condition: &str) -> Result<u64, DbErr> {
        let select = format!(r#"select count(*) as count from "better_auth.user" where {condition}"#);
        let statement = Statement::from_string(self.pool.get_database_backend(), select);
        let row = self.pool.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get::<i64>("", "count")).transpose()?.unwrap_or_default().unsigned_abs())
    }
}

/// Returns the SQL condition for users whom the column seems to mark as restricted.
fn condition(column: &Column, meaning: Meaning) -> String {
    let says_no = says_no(column);
    match meaning {
        Meaning::Restricted => format!("not {says_no}"),
        Meaning::Allowed => says_no,
        Meaning::Status => {
            let text = format!("lower(cast({} as text))", column.identifier());
            format!("{text} not in ('', 'active', 'enabled', 'approved', 'verified')")
        }
    }
}
