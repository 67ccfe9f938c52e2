//! Names of tables and columns.

use crate::table::AuthTable;

/// Returns a name in lower case and without underscores. Tools and environment variables change names in no other way:
/// `emailVerified`, `email_verified` and `EMAILVERIFIED` are the same column.
#[must_use]
pub fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// Returns a name in snake case, such as `email_verified` for `emailVerified`.
#[must_use]
pub fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 3);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The names, as [`plain`] returns them, of the table of Better Auth's `twoFactor` plugin.
pub const SECOND_FACTOR_TABLES: [&str; 2] = ["twofactor", "twofactors"];

/// Returns the setting that names a table, and its environment variable: `auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER)`.
#[must_use]
pub fn setting(table: AuthTable) -> String {
    with_variable(&["auth", "tables", table.name()])
}

/// Returns the setting that names a column of a table, and its environment variable.
#[must_use]
pub fn column_setting(table: AuthTable, column: &str) -> String {
    with_variable(&["auth", "columns", table.name(), column])
}

fn with_variable(key: &[&str]) -> String {
    let variable: Vec<_> = key.iter().map(|part| snake(part).to_uppercase()).collect();
    format!("{} (TASKBRIDGE__{})", key.join("."), variable.join("__"))
}

impl AuthTable {
    /// Returns the table of this name. Case and underscores are ignored.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| plain(table.name()) == plain(name))
    }

    /// Returns the name that Better Auth gives a column by default. Case and underscores of `name` are ignored.
    #[must_use]
    pub fn column_named(self, name: &str) -> Option<&'static str> {
        self.columns().iter().copied().find(|column| plain(column) == plain(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_underscores_are_ignored() {
        for name in ["rateLimit", "rate_limit", "RATELIMIT", "RATE_LIMIT"] {
            assert_eq!(AuthTable::named(name), Some(AuthTable::RateLimit), "{name}");
        }
        assert_eq!(AuthTable::User.column_named("EMAILVERIFIED"), Some("emailVerified"));
        assert_eq!(AuthTable::User.column_named("email_verified"), Some("emailVerified"));
        assert_eq!(AuthTable::named("users"), None);
        assert_eq!(AuthTable::User.column_named("token"), None);
    }

    #[test]
    fn settings_are_named_with_their_environment_variables() {
        assert_eq!(setting(AuthTable::User), "auth.tables.user (TASKBRIDGE__AUTH__TABLES__USER)");
        assert_eq!(setting(AuthTable::RateLimit), "auth.tables.rateLimit (TASKBRIDGE__AUTH__TABLES__RATE_LIMIT)");
        let expected = "auth.columns.account.providerId (TASKBRIDGE__AUTH__COLUMNS__ACCOUNT__PROVIDER_ID)";
        assert_eq!(column_setting(AuthTable::Account, "providerId"), expected);
    }

    #[test]
    fn snake_case_separates_words() {
        for (name, expected) in
            [("id", "id"), ("rateLimit", "rate_limit"), ("accessTokenExpiresAt", "access_token_expires_at")]
        {
            assert_eq!(snake(name), expected);
        }
    }
}
