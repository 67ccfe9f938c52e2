//! The columns that mark a user as restricted, and how their values are selected and read.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, SelectStatement};
use sea_orm::{DbErr, QueryResult, QueryTrait};
use taskbridge_domain::Timestamp;
use taskbridge_domain::users::{Ban, Restrictions};
use taskbridge_schema::{AuthTable, plain, verbatim};

use super::flag::{is_set, says_no};
use crate::database::catalog::{Column, Table};
use crate::database::entities::column_types::Time;

/// The columns that mark a user as restricted. Upper case and underscores in names are ignored, because an app may have
/// renamed the columns to snake case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::database) struct RestrictionColumns {
    /// The column `user.banned` of Better Auth's `admin` plugin.
    pub(super) banned: Option<Column>,
    /// The column `user.banExpires`, which contains the time when the ban ends.
    pub(super) ban_expires: Option<Column>,
    pub(super) second_factor: SecondFactor,
}

/// The place where a database stores whether a user has a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum SecondFactor {
    #[default]
    None,
    /// In the column `user.twoFactorEnabled` of Better Auth's `twoFactor` plugin.
    Column(Column),
    /// In the tables of the plugin, if `user` has no such column. A row means that its user has a second factor.
    Tables(Vec<FactorTable>),
}

/// A table of Better Auth's `twoFactor` plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FactorTable {
    /// The name of the table as an identifier in a statement.
    pub(super) table: String,
    pub(super) user_id: Column,
    /// The column that says whether the user has confirmed the second factor.
    pub(super) verified: Option<Column>,
}

/// Accepted names of a column, in lower case and without underscores: Better Auth's name and a common alternative.
const BANNED: [&str; 2] = ["banned", "isbanned"];
const TWO_FACTOR_ENABLED: [&str; 2] = ["twofactorenabled", "istwofactorenabled"];

/// The names under which [`RestrictionColumns::select`] selects the values.
const BANNED_AS: &str = "restriction_banned";
const BAN_EXPIRES_AS: &str = "restriction_ban_expires";
const SECOND_FACTOR_AS: &str = "restriction_second_factor";

impl RestrictionColumns {
    /// Finds the columns that mark a user as restricted, among those of the table `user` that Better Auth's core does
    /// not define, and those of the tables of second factors.
    pub(in crate::database) fn among(user: &[Column], second_factors: &[Table]) -> Self {
        let find = |columns: &[Column], wanted: &[&str]| {
            columns.iter().find(|column| wanted.contains(&plain(&column.name).as_str())).cloned()
        };
        let in_table = |table: &Table| {
            let verified = find(&table.columns, &["verified"]);
            let user_id = find(&table.columns, &["userid"])?;
            Some(FactorTable { table: table.identifier(), user_id, verified })
        };
        let second_factor = match find(user, &TWO_FACTOR_ENABLED) {
            Some(column) => SecondFactor::Column(column),
            None => match second_factors.iter().filter_map(in_table).collect::<Vec<_>>() {
                tables if tables.is_empty() => SecondFactor::None,
                tables => SecondFactor::Tables(tables),
            },
        };
        Self { banned: find(user, &BANNED), ban_expires: find(user, &["banexpires"]), second_factor }
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

    /// Returns `true` if the column is one of these columns, or if it holds a detail such as the reason for a ban.
    pub(super) fn include(&self, column: &Column) -> bool {
        let is_of_ban = self.banned.is_some() && ["banreason", "banexpires"].contains(&plain(&column.name).as_str());
        let is_of_factor = matches!(&self.second_factor, SecondFactor::Column(found) if found == column);
        is_of_ban || is_of_factor || self.banned.as_ref() == Some(column)
    }

    fn banned(&self) -> Expr {
        self.banned.as_ref().map_or_else(no_text, |column| of_user(column).cast_as("text"))
    }

    fn ban_expires(&self) -> Expr {
        match &self.ban_expires {
            Some(column) if column.data_type.starts_with("timestamp") => of_user(column),
            // SQLite stores a time as text. A column of any other type is read as text too. If that text is not a valid
            // time, the ban counts as permanent.
            Some(column) => of_user(column).cast_as("text"),
            None => no_text(),
        }
    }

    /// Returns an expression that tells whether the user has a second factor. Compares ids as text, because the columns
    /// `user.id` and `twoFactor.userId` may have different types.
    fn second_factor(&self) -> Expr {
        match &self.second_factor {
            SecondFactor::None => no_text(),
            SecondFactor::Column(column) => of_user(column).cast_as("text"),
            SecondFactor::Tables(tables) => {
                let confirmed = confirmed_factors(tables);
                let user = r#""better_auth.user"."user.id""#;
                Expr::cust(format!("cast(cast({user} as text) in ({confirmed}) as text)"))
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

/// Returns the expression for the value of a column of the table `user`.
pub(super) fn of_user(column: &Column) -> Expr {
    Expr::col((Alias::new(AuthTable::User.marker()), Alias::new(verbatim(&column.name))))
}

fn no_text() -> Expr {
    Expr::cust("cast(null as text)")
}

/// Returns a query for the ids, as text, of the users who have confirmed a second factor. The second factor also counts
/// as confirmed if `verified` is `None` or if the value of that column is null.
pub(super) fn confirmed_factors(tables: &[FactorTable]) -> String {
    let confirmed = tables.iter().map(|FactorTable { table, user_id, verified }| {
        let condition = verified.as_ref().map(|column| format!(" where ({}) is not true", says_no(column)));
        format!("select cast({} as text) from {table}{}", user_id.identifier(), condition.unwrap_or_default())
    });
    confirmed.collect::<Vec<_>>().join(" union all ")
}
