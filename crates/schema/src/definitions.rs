//! The definitions of Better Auth's tables.

use crate::id::IdKind;
use crate::table::AuthTable;

/// The type of the values in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// The id of a row.
    Id,
    /// The id of a row of the table `user`.
    UserId,
    Text,
    Boolean,
    Integer,
    BigInteger,
    /// A point in time; on SQLite, text in the form `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    Time,
}

use ColumnType::{BigInteger, Boolean, Id, Integer, Text, Time, UserId};

/// The definition of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ColumnDefinition {
    /// The name that Better Auth gives the column by default.
    pub(crate) name: &'static str,
    pub(crate) column_type: ColumnType,
    /// `true` if the column cannot be null.
    pub(crate) is_required: bool,
    /// `true` if the current time is the default of the column on PostgreSQL.
    pub(crate) defaults_to_now: bool,
    /// `true` if no two rows have the same value. The id is also unique.
    pub(crate) is_unique: bool,
}

const fn required(name: &'static str, column_type: ColumnType) -> ColumnDefinition {
    ColumnDefinition { name, column_type, is_required: true, defaults_to_now: false, is_unique: false }
}

const fn optional(name: &'static str, column_type: ColumnType) -> ColumnDefinition {
    ColumnDefinition { is_required: false, ..required(name, column_type) }
}

const fn unique(name: &'static str) -> ColumnDefinition {
    ColumnDefinition { is_unique: true, ..required(name, Text) }
}

/// A time at which the row was created or changed, with a default on PostgreSQL.
const fn now(name: &'static str) -> ColumnDefinition {
    ColumnDefinition { defaults_to_now: true, ..required(name, Time) }
}

const USER: &[ColumnDefinition] = &[
    required("id", Id),
    required("name", Text),
    unique("email"),
    required("emailVerified", Boolean),
    optional("image", Text),
    now("createdAt"),
    now("updatedAt"),
];

const SESSION: &[ColumnDefinition] = &[
    required("id", Id),
    required("expiresAt", Time),
    unique("token"),
    now("createdAt"),
    required("updatedAt", Time),
    optional("ipAddress", Text),
    optional("userAgent", Text),
    required("userId", UserId),
];

const ACCOUNT: &[ColumnDefinition] = &[
    required("id", Id),
    required("accountId", Text),
    required("providerId", Text),
    required("userId", UserId),
    optional("accessToken", Text),
    optional("refreshToken", Text),
    optional("idToken", Text),
    optional("accessTokenExpiresAt", Time),
    optional("refreshTokenExpiresAt", Time),
    optional("scope", Text),
    optional("password", Text),
    now("createdAt"),
    required("updatedAt", Time),
];

const VERIFICATION: &[ColumnDefinition] = &[
    required("id", Id),
    required("identifier", Text),
    required("value", Text),
    required("expiresAt", Time),
    now("createdAt"),
    now("updatedAt"),
];

const JWKS: &[ColumnDefinition] = &[
    required("id", Id),
    required("publicKey", Text),
    required("privateKey", Text),
    required("createdAt", Time),
    optional("expiresAt", Time),
    optional("alg", Text),
    optional("crv", Text),
];

const RATE_LIMIT: &[ColumnDefinition] =
    &[required("id", Id), unique("key"), required("count", Integer), required("lastRequest", BigInteger)];

impl AuthTable {
    /// Returns the definitions of the columns, in the order of [`columns`](Self::columns).
    pub(crate) const fn definitions(self) -> &'static [ColumnDefinition] {
        match self {
            Self::User => USER,
            Self::Session => SESSION,
            Self::Account => ACCOUNT,
            Self::Verification => VERIFICATION,
            Self::Jwks => JWKS,
            Self::RateLimit => RATE_LIMIT,
        }
    }

    /// Returns the number of characters of the longest text that Taskbridge writes to a column, if that is known. `ids` is
    /// the kind of the ids of users.
    pub(crate) fn length(self, column: &str, ids: IdKind) -> Option<u32> {
        let id = match ids {
            IdKind::Text => 32,
            IdKind::Uuid => 36,
            IdKind::Integer { .. } => 19,
        };
        match (self, column) {
            (_, "id" | "userId") | (Self::Session, "token") => Some(32),
            (Self::Account, "accountId") => Some(id),
            // "credential"
            (Self::Account, "providerId") => Some(10),
            // A salt of 16 bytes and a hash of 64 bytes in hexadecimal digits, separated by a colon.
            (Self::Account, "password") => Some(161),
            _ => None,
        }
    }

    /// Returns the columns by which the table is recognized under another name.
    pub(crate) const fn signature(self) -> &'static [&'static str] {
        match self {
            Self::User => &["id", "email", "emailVerified"],
            Self::Session => &["id", "token", "expiresAt", "userId"],
            Self::Account => &["id", "accountId", "providerId", "userId"],
            Self::Verification => &["id", "identifier", "value", "expiresAt"],
            Self::Jwks => &["id", "publicKey", "privateKey"],
            Self::RateLimit => &["key", "count", "lastRequest"],
        }
    }

    /// Returns the column, other than the id and those that are unique, on which Better Auth has an index.
    pub(crate) const fn indexed(self) -> Option<&'static str> {
        match self {
            Self::Session | Self::Account => Some("userId"),
            Self::Verification => Some("identifier"),
            Self::User | Self::Jwks | Self::RateLimit => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_defined() {
        for table in AuthTable::ALL {
            let names: Vec<_> = table.definitions().iter().map(|column| column.name).collect();
            assert_eq!(names, table.columns());
            let known = |name: &&&str| table.columns().contains(*name);
            assert_eq!(table.signature().iter().filter(known).count(), table.signature().len(), "{table:?}");
        }
    }
}
