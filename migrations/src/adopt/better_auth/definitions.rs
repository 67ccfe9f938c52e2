//! The definitions of Better Auth's tables.

/// The type of the values in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Boolean,
    Integer,
    BigInteger,
    /// A point in time; on SQLite, text in the form `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    Time,
}

use ColumnType::{BigInteger, Boolean, Integer, Text, Time};

/// The definition of one of Better Auth's tables.
pub(super) struct TableDefinition {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, ColumnType)],
    /// The name of the column other than the id that is unique, if the table has one.
    pub(super) unique: Option<&'static str>,
    /// The statement that creates the table on PostgreSQL.
    pub(super) postgres: &'static str,
    /// The statement that creates the table on SQLite.
    pub(super) sqlite: &'static str,
}

/// Better Auth's tables, in an order in which they can be created: each table comes after those that its foreign keys
/// refer to. The statements are those of Better Auth's own migrator.
pub(super) const TABLES: [TableDefinition; 6] = [
    TableDefinition {
        name: "user",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("email", Text),
            ("emailVerified", Boolean),
            ("image", Text),
            ("createdAt", Time),
            ("updatedAt", Time),
        ],
        unique: Some("email"),
        postgres: r#"create table "user" ("id" text not null primary key, "name" text not null, "email" text not null unique, "emailVerified" boolean not null, "image" text, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz default CURRENT_TIMESTAMP not null)"#,
        sqlite: r#"create table "user" ("id" text not null primary key, "name" text not null, "email" text not null unique, "emailVerified" integer not null, "image" text, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    TableDefinition {
        name: "session",
        columns: &[
            ("id", Text),
            ("expiresAt", Time),
            ("token", Text),
            ("createdAt", Time),
            ("updatedAt", Time),
            ("ipAddress", Text),
            ("userAgent", Text),
            ("userId", Text),
        ],
        unique: Some("token"),
        postgres: r#"create table "session" ("id" text not null primary key, "expiresAt" timestamptz not null, "token" text not null unique, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz not null, "ipAddress" text, "userAgent" text, "userId" text not null references "user" ("id") on delete cascade)"#,
        sqlite: r#"create table "session" ("id" text not null primary key, "expiresAt" date not null, "token" text not null unique, "createdAt" date not null, "updatedAt" date not null, "ipAddress" text, "userAgent" text, "userId" text not null references "user" ("id") on delete cascade)"#,
    },
    TableDefinition {
        name: "account",
        columns: &[
            ("id", Text),
            ("accountId", Text),
            ("providerId", Text),
            ("userId", Text),
            ("accessToken", Text),
            ("refreshToken", Text),
            ("idToken", Text),
            ("accessTokenExpiresAt", Time),
            ("refreshTokenExpiresAt", Time),
            ("scope", Text),
            ("password", Text),
            ("createdAt", Time),
            ("updatedAt", Time),
        ],
        unique: None,
        postgres: r#"create table "account" ("id" text not null primary key, "accountId" text not null, "providerId" text not null, "userId" text not null references "user" ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" timestamptz, "refreshTokenExpiresAt" timestamptz, "scope" text, "password" text, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz not null)"#,
        sqlite: r#"create table "account" ("id" text not null primary key, "accountId" text not null, "providerId" text not null, "userId" text not null references "user" ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" date, "refreshTokenExpiresAt" date, "scope" text, "password" text, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    TableDefinition {
        name: "verification",
        columns: &[
            ("id", Text),
            ("identifier", Text),
            ("value", Text),
            ("expiresAt", Time),
            ("createdAt", Time),
            ("updatedAt", Time),
        ],
        unique: None,
        postgres: r#"create table "verification" ("id" text not null primary key, "identifier" text not null, "value" text not null, "expiresAt" timestamptz not null, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz default CURRENT_TIMESTAMP not null)"#,
        sqlite: r#"create table "verification" ("id" text not null primary key, "identifier" text not null, "value" text not null, "expiresAt" date not null, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    TableDefinition {
        name: "jwks",
        columns: &[
            ("id", Text),
            ("publicKey", Text),
            ("privateKey", Text),
            ("createdAt", Time),
            ("expiresAt", Time),
            ("alg", Text),
            ("crv", Text),
        ],
        unique: None,
        postgres: r#"create table "jwks" ("id" text not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" timestamptz not null, "expiresAt" timestamptz, "alg" text, "crv" text)"#,
        sqlite: r#"create table "jwks" ("id" text not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" date not null, "expiresAt" date, "alg" text, "crv" text)"#,
    },
    TableDefinition {
        name: "rateLimit",
        columns: &[("id", Text), ("key", Text), ("count", Integer), ("lastRequest", BigInteger)],
        unique: Some("key"),
        postgres: r#"create table "rateLimit" ("id" text not null primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null)"#,
        sqlite: r#"create table "rateLimit" ("id" text not null primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null)"#,
    },
];

/// Better Auth's indices: the name, the table and the column of each.
pub(super) const INDICES: [(&str, &str, &str); 3] = [
    ("session_userId_idx", "session", "userId"),
    ("account_userId_idx", "account", "userId"),
    ("verification_identifier_idx", "verification", "identifier"),
];
