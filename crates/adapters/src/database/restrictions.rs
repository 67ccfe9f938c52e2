//! Columns and tables by which plugins of Better Auth, or an app, restrict the access of users.

use std::fmt;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, QueryTrait, Statement};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::StoreError;
use taskbridge_domain::users::{Ban, Restrictions};

use super::Store;
use super::catalog::{Column, columns};
use super::entities::column_types::Time;
use super::entities::user;
use super::error::store_error;

/// The restricting columns that a database has. Their names are compared without case and underscores, so that a table
/// whose columns were renamed to snake case is not mistaken for one without restrictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RestrictionColumns {
    /// `user.banned` of the `admin` plugin.
    banned: Option<String>,
    /// `user.banExpires`.
    ban_expires: Option<Column>,
    second_factor: SecondFactor,
}

/// The place in which a database says that a user has a second factor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum SecondFactor {
    #[default]
    None,
    /// `user.twoFactorEnabled` of the `twoFactor` plugin.
    Column(String),
    /// Without that column, a row of the table `twoFactor`.
    Table {
        user_id: String,
        /// The column that says whether the user has confirmed the second factor.
        verified: Option<String>,
    },
}

/// Names of the columns, without case and underscores, also as an app may have renamed them.
const BANNED: [&str; 2] = ["banned", "isbanned"];
const TWO_FACTOR_ENABLED: [&str; 2] = ["twofactorenabled", "istwofactorenabled"];

/// The names under which [`RestrictionColumns::select`] selects the values.
const BANNED_AS: &str = "restriction_banned";
const BAN_EXPIRES_AS: &str = "restriction_ban_expires";
const SECOND_FACTOR_AS: &str = "restriction_second_factor";

impl RestrictionColumns {
    /// Returns the restricting columns among those of the tables `user` and `twoFactor`.
    pub(super) fn among(user: &[Column], second_factor: &[Column]) -> Self {
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

    /// Adds the restricting columns, for [`read`](Self::read), to a statement that selects users under `prefix`.
    pub(super) fn select<Q: QueryTrait<QueryStatement = sea_orm::sea_query::SelectStatement>>(
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

    /// Returns `true` if this column is one of them, or a detail of one.
    fn include(&self, name: &str) -> bool {
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
            // SQLite stores text. The text of any other type can be read, but is not a time.
            Some(Column { name, .. }) => of_user(name).cast_as("text"),
            None => no_text(),
        }
    }

    /// Ids are compared as text: the two may have different types.
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

    /// Reads the values of a row. A value that is missing from the statement is an error.
    pub(super) fn read(row: &QueryResult, prefix: &str) -> Result<Restrictions, DbErr> {
        let is_set =
            |name| Ok::<_, DbErr>(row.try_get::<Option<String>>(prefix, name)?.is_some_and(|text| is_set(&text)));
        // If the end cannot be read, the ban does not end.
        let until = row.try_get::<Option<Time>>(prefix, BAN_EXPIRES_AS).unwrap_or_default();
        let ban = is_set(BANNED_AS)?.then(|| Ban { until: until.map(|time| Timestamp::new(time.0)) });
        Ok(Restrictions { ban, second_factor: is_set(SECOND_FACTOR_AS)? })
    }
}

fn of_user(name: &str) -> Expr {
    Expr::col((user::Entity, Alias::new(name).into_iden()))
}

fn no_text() -> Expr {
    Expr::cust("cast(null as text)")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the name in lower case, without underscores.
fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Texts of a flag that say no, in lower case. Any other value restricts.
const NO: [&str; 4] = ["", "0", "false", "f"];

fn is_set(text: &str) -> bool {
    !NO.contains(&text.to_lowercase().as_str())
}

/// Returns the condition that a flag says no.
fn says_no(name: &str) -> String {
    format!("lower(cast({} as text)) in ('{}')", quoted(name), NO.join("', '"))
}

/// Returns the query for the ids, as text, of the users with a second factor that is not unconfirmed.
fn confirmed_factors(user_id: &str, verified: Option<&str>) -> String {
    let condition = verified.map_or_else(String::new, |name| format!(" where ({}) is not true", says_no(name)));
    format!(r#"select cast({} as text) from "twoFactor"{condition}"#, quoted(user_id))
}

/// Users that the columns of a database restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestrictionReport {
    /// Users who are marked as banned, also those whose ban has ended; `None` if the table cannot say.
    pub banned: Option<u64>,
    /// Users with a second factor, who cannot sign in here; `None` if the database cannot say.
    pub second_factor: Option<u64>,
    /// Columns of `user` that Taskbridge ignores although their names suggest a restriction.
    pub ignored: Vec<IgnoredColumn>,
}

/// A column of the table `user` that seems to restrict users and is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredColumn {
    /// Name of the column.
    pub name: String,
    /// Users whom it seems to restrict.
    pub users: u64,
}

/// The name, and the users: `isActive (3 users)`.
impl fmt::Display for IgnoredColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, users } = self;
        write!(f, "{name} ({users} {})", if *users == 1 { "user" } else { "users" })
    }
}

impl Store {
    /// Counts the users whose access is restricted. Reads all users once for each column that restricts.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn restrictions(&self) -> Result<RestrictionReport, StoreError> {
        self.count_restricted().await.map_err(store_error)
    }

    /// Returns the columns of `user` that seem to restrict users and are ignored. Reads all users once for each.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn ignored_columns(&self) -> Result<Vec<IgnoredColumn>, StoreError> {
        let users = columns(&self.connection, "user").await.map_err(store_error)?;
        self.count_ignored(&users, &RestrictionColumns::among(&users, &[])).await.map_err(store_error)
    }

    async fn count_restricted(&self) -> Result<RestrictionReport, DbErr> {
        let users = columns(&self.connection, "user").await?;
        let second_factors = columns(&self.connection, "twoFactor").await?;
        let known = RestrictionColumns::among(&users, &second_factors);
        let ignored = self.count_ignored(&users, &known).await?;
        let banned = known.banned.map(|name| condition(&name, Meaning::Restricted));
        let second_factor = match known.second_factor {
            SecondFactor::None => None,
            SecondFactor::Column(name) => Some(condition(&name, Meaning::Restricted)),
            SecondFactor::Table { user_id, verified } => {
                let confirmed = confirmed_factors(&user_id, verified.as_deref());
                Some(format!(r#"cast("id" as text) in ({confirmed})"#))
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
        for Column { name, .. } in users.iter().filter(|column| !known.include(&column.name)) {
            if let Some(meaning) = Meaning::of(name) {
                let users = self.count(&condition(name, meaning)).await?;
                ignored.push(IgnoredColumn { name: name.clone(), users });
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
        let select = format!(r#"select count(*) as count from "user" where {condition}"#);
        let statement = Statement::from_string(self.connection.get_database_backend(), select);
        let row = self.connection.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get::<i64>("", "count")).transpose()?.unwrap_or_default().unsigned_abs())
    }
}

/// The meaning of a column's values, as its name suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Users with a value other than "no" are restricted: `suspendedAt`, `isLocked`.
    Restricted,
    /// Users with the value "no" are restricted: `isActive`.
    Allowed,
    /// Users with a word other than `active` and the like are restricted.
    Status,
}

const RESTRICTING: [&str; 34] = [
    "2fa",
    "archived",
    "ban",
    "banned",
    "bans",
    "blacklist",
    "blacklisted",
    "block",
    "blocked",
    "deactivated",
    "deactivation",
    "deleted",
    "denied",
    "disable",
    "disabled",
    "frozen",
    "inactive",
    "lock",
    "locked",
    "lockedout",
    "lockout",
    "mfa",
    "otp",
    "rejected",
    "restricted",
    "revoked",
    "secondfactor",
    "suspended",
    "suspension",
    "terminated",
    "totp",
    "twofa",
    "twofactor",
    "twostep",
];
const ALLOWING: [&str; 6] = ["active", "activated", "allowed", "approved", "enabled", "whitelisted"];
/// Words that may precede or follow such a word. A word comes before those that it ends with: `reason` before `on`.
const BEFORE: [&str; 9] = ["access", "account", "has", "is", "login", "member", "signin", "soft", "user"];
const AFTER: [&str; 13] =
    ["required", "enabled", "reason", "expires", "status", "until", "date", "flag", "note", "at", "by", "on", "to"];

impl Meaning {
    /// Returns the meaning that the name of a column suggests; `None` if it does not suggest a restriction.
    fn of(name: &str) -> Option<Self> {
        let name = plain(name);
        let mut rest = name.as_str();
        loop {
            if RESTRICTING.contains(&rest) {
                return Some(Self::Restricted);
            }
            if ALLOWING.contains(&rest) {
                return Some(Self::Allowed);
            }
            if ["status", "state"].contains(&rest) {
                return Some(Self::Status);
            }
            let shorter = BEFORE.iter().find_map(|word| rest.strip_prefix(word));
            rest = shorter.or_else(|| AFTER.iter().find_map(|word| rest.strip_suffix(word)))?;
        }
    }
}

/// Returns the condition for users whom the column seems to restrict.
fn condition(name: &str, meaning: Meaning) -> String {
    let says_no = says_no(name);
    match meaning {
        Meaning::Restricted => format!("not {says_no}"),
        Meaning::Allowed => says_no,
        Meaning::Status => {
            let text = format!("lower(cast({} as text))", quoted(name));
            format!("{text} not in ('', 'active', 'enabled', 'approved', 'verified')")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, data_type: &str) -> Column {
        Column { name: name.to_owned(), data_type: data_type.to_owned() }
    }

    #[test]
    fn known_columns_are_found_however_they_are_spelt() {
        let spelt = |banned: &str, expires: &str, enabled: &str| {
            let user = [column("id", "text"), column(banned, "boolean"), column(expires, "date"), column(enabled, "x")];
            RestrictionColumns::among(&user, &[])
        };
        for (banned, expires, enabled) in
            [("banned", "banExpires", "twoFactorEnabled"), ("is_banned", "ban_expires", "two_factor_enabled")]
        {
            let expected = RestrictionColumns {
                banned: Some(banned.into()),
                ban_expires: Some(column(expires, "date")),
                second_factor: SecondFactor::Column(enabled.into()),
            };
            assert_eq!(spelt(banned, expires, enabled), expected);
        }
        assert_eq!(RestrictionColumns::among(&[column("id", "text")], &[]), RestrictionColumns::default());
        let table = [column("userId", "text"), column("verified", "boolean")];
        let SecondFactor::Table { user_id, verified } = RestrictionColumns::among(&[], &table).second_factor else {
            panic!("the table is ignored")
        };
        assert_eq!((user_id.as_str(), verified.as_deref()), ("userId", Some("verified")));
    }

    #[test]
    fn columns_that_are_enforced_are_not_reported() {
        let names = ["banned", "isBanned", "banReason", "banExpires", "twoFactorEnabled", "isActive"];
        let columns = names.map(|name| column(name, "text"));
        let known = RestrictionColumns::among(&columns, &[]);
        assert_eq!(names.map(|name| known.include(name)), [true, false, true, true, true, false]);
        // Without the column that says who is banned, the details say nothing.
        let known = RestrictionColumns::among(&columns[2..], &[]);
        assert!(!known.include("banReason") && !known.include("banExpires"));
    }

    #[test]
    fn a_flag_restricts_unless_it_says_no() {
        for (text, expected) in
            [("1", true), ("true", true), ("yes", true), ("0", false), ("False", false), ("", false)]
        {
            assert_eq!(is_set(text), expected, "{text}");
        }
    }

    #[test]
    fn names_that_suggest_a_restriction_are_told_from_others() {
        use Meaning::{Allowed, Restricted, Status};
        for (name, expected) in [
            ("isBlocked", Some(Restricted)),
            ("suspended_at", Some(Restricted)),
            ("lockedUntil", Some(Restricted)),
            ("accountLocked", Some(Restricted)),
            ("deletedAt", Some(Restricted)),
            ("suspensionReason", Some(Restricted)),
            ("disabled", Some(Restricted)),
            ("isActive", Some(Allowed)),
            ("user_approved", Some(Allowed)),
            ("account_status", Some(Status)),
            ("bannedAt", Some(Restricted)),
            ("is_locked_out", Some(Restricted)),
            ("mfaEnabled", Some(Restricted)),
            ("otpRequired", Some(Restricted)),
            ("twoFactorStatus", Some(Restricted)),
            ("state", Some(Status)),
            ("isBanned", Some(Restricted)),
            ("banReason", Some(Restricted)),
            ("emailVerified", None),
            ("bankAccount", None),
            ("clock", None),
            ("notificationsEnabled", None),
            ("lastActiveAt", None),
            ("role", None),
            ("is", None),
            ("", None),
        ] {
            assert_eq!(Meaning::of(name), expected, "{name}");
        }
    }
}
