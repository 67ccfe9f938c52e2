//! The columns that mark a user as restricted, and how their values are selected and read.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, SelectStatement};
use sea_orm::{DbErr, QueryResult, QueryTrait};
use taskbridge_domain::Timestamp;
use taskbridge_domain::users::{Ban, Restrictions};

use super::flag::{is_set, says_no};
use super::names::plain;
use crate::database::catalog::Column;
use crate::database::entities::column_types::Time;
use crate::database::url::identifier;

/// The columns that mark a user as restricted. Upper case and underscores in names are ignored, because an app may have
/// renamed the columns to snake case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::database) struct RestrictionColumns {
    /// The name of the column `user.banned` of Better Auth's `admin` plugin, if there is such a column.
    pub(super) banned: Option<String>,
    /// The column `user.banExpires`, which contains the time when the ban ends.
    pub(super) ban_expires: Option<Column>,
    pub(super) second_factor: SecondFactor,
}

/// The place where a database stores whether a user has a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum SecondFactor {
    #[default]
    None,
    /// In the column `user.twoFactorEnabled` of Better Auth's `twoFactor` plugin. The value is the name of the column.
    Column(String),
    /// In the table `twoFactor`, if `user` has no such column. A row means that its user has a second factor.
    Table {
        user_id: String,
        /// The column that says whether the user has confirmed the second factor.
        verified: Option<String>,
    },
}

/// Accepted names of a column, in lower case and without underscores: Better Auth's name and a common alternative.
const BANNED: [&str; 2] = ["banned", "isbanned"];
const TWO_FACTOR_ENABLED: [&str; 2] = ["twofactorenabled", "istwofactorenabled"];

/// The names under which [`RestrictionColumns::select`] selects the values.
const BANNED_AS: &str = "restriction_banned";
const BAN_EXPIRES_AS: &str = "restriction_ban_expires";
const SECOND_FACTOR_AS: &str = "restriction_second_factor";

impl RestrictionColumns {
    /// Finds the columns that mark a user as restricted, among those of the tables `user` and `twoFactor`.
    pub(in crate::database) fn among(user: &[Column], second_factor: &[Column]) -> Self {
        let find = |columns: &[Column], wanted: &[&str]| {
            let found = columns.iter().find(|column| wanted.contains(&plain(&column.name).as_str()));
            found.map(|column| column.name.clone())
        };
        let ban_expires = user.iter().find(|column| plain(&column.name) == "banexpires").cloned();
        let second_factor = match (find(user, &TWO_FACTOR_ENABLED), find(second_factor, &["userid"])) {
            (Some(column), _) => SecondFactor::Column(column),
            (None, Some(user_id)) => SecondFactor::Table { user_id, verified: find(second_factor, &["verified"]) },
            (None, None) => SecondFactor::None,
        };
        Self { banned: find(user, &BANNED), ban_expires, second_factor }
    }

    /// Adds these columns, with `prefix` before their names, to `select`, which is a statement that selects users.
    /// [`read`](Self::read) reads their values.
    pub(in crate::database) fn select<Q: QueryTrait<QueryStatement = SelectStatement>>(
        &self,
        mut select: Q,
        prefix: &str,
    ) -> Q {
        let values = [
            (BANNED_AS, self.banned()),
            (BAN_EXPIRES_AS, self.ban_expires()),
            (SECOND_FACTOR_AS, self.second_factor()),
        ];
        for (name, value) in values {
            select.query().expr_as(value, Alias::new(format!("{prefix}{name}")));
        }
        select
    }

    /// Returns `true` if the column `name` is one of these columns, or if it holds a detail such as the reason for a
    /// ban.
    pub(super) fn include(&self, name: &str) -> bool {
        let is_of_ban = self.banned.is_some() && ["banreason", "banexpires"].contains(&plain(name).as_str());
        let is_of_factor = matches!(&self.second_factor, SecondFactor::Column(column) if column == name);
        is_of_ban || is_of_factor || self.banned.as_deref() == Some(name)
    }

    fn banned(&self) -> Expr {
        self.banned.as_deref().map_or_else(no_text, |name| of_user(name).cast_as("text"))
    }

    fn ban_expires(&self) -> Expr {
        match &self.ban_expires {
            Some(Column { name, data_type }) if data_type.starts_with("timestamp") => of_user(name),
            // SQLite stores a time as text. A column of any other type is read as text too. If that text is not a valid
            // time, the ban counts as permanent.
            Some(Column { name, .. }) => of_user(name).cast_as("text"),
            None => no_text(),
        }
    }

    /// Returns an expression that tells whether the user has a second factor. Compares ids as text, because the columns
    /// `user.id` and `twoFactor.userId` may have different types.
    fn second_factor(&self) -> Expr {
        match &self.second_factor {
            SecondFactor::None => no_text(),
            SecondFactor::Column(name) => of_user(name).cast_as("text"),
            SecondFactor::Table { user_id, verified } => {
                let confirmed = confirmed_factors(user_id, verified.as_deref());
                Expr::cust(format!(r#"cast(cast("user"."id" as text) in ({confirmed}) as text)"#))
            }
        }
    }

    /// Reads the restrictions of a user from a row.
    ///
    /// # Errors
    /// [`DbErr`] if the statement does not select the columns.
    pub(in crate::database) fn read(row: &QueryResult, prefix: &str) -> Result<Restrictions, DbErr> {
        let is_set =
            |name| Ok::<_, DbErr>(row.try_get::<Option<String>>(prefix, name)?.is_some_and(|text| is_set(&text)));
        // A ban whose end cannot be read is permanent.
        let until = row.try_get::<Option<Time>>(prefix, BAN_EXPIRES_AS).unwrap_or_default();
        let ban = is_set(BANNED_AS)?.then(|| Ban { until: until.map(|time| Timestamp::new(time.0)) });
        Ok(Restrictions { ban, second_factor: is_set(SECOND_FACTOR_AS)? })
    }
}

fn of_user(name: &str) -> Expr {
    Expr::col((Alias::new("user"), Alias::new(name)))
}

fn no_text() -> Expr {
    Expr::cust("cast(null as text)")
}

/// Returns a query for the ids, as text, of the users who have confirmed a second factor. The second factor also counts
/// as confirmed if `verified` is `None` or if the value of that column is null.
pub(super) fn confirmed_factors(user_id: &str, verified: Option<&str>) -> String {
    let condition = verified.map_or_else(String::new, |name| format!(" where ({}) is not true", says_no(name)));
    format!(r#"select cast({} as text) from "twoFactor"{condition}"#, identifier(user_id))
}
