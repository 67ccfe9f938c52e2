//! Better Auth's tables, as its own migrator makes them, and what is asked of those that are there.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::error::refused_column;
use crate::schema::{self, Affinity, Column, Table};

/// The step that makes the tables.
pub(crate) const STEP: &str = "m20261121_000001_better_auth";

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Boolean,
    Integer,
    BigInteger,
    /// On SQLite text in the form `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    Moment,
}

use Kind::{BigInteger, Boolean, Integer, Moment, Text};

/// One of the tables.
struct Model {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
    /// Beside the id.
    unique: Option<&'static str>,
    postgres: &'static str,
    sqlite: &'static str,
}

/// In the order in which they refer to each other. The statements are the official migrator's, word for word.
const MODELS: [Model; 6] = [
    Model {
        name: "user",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("email", Text),
            ("emailVerified", Boolean),
            ("image", Text),
            ("createdAt", Moment),
            ("updatedAt", Moment),
        ],
        unique: Some("email"),
        postgres: r#"create table "user" ("id" text not null primary key, "name" text not null, "email" text not null unique, "emailVerified" boolean not null, "image" text, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz default CURRENT_TIMESTAMP not null)"#,
        sqlite: r#"create table "user" ("id" text not null primary key, "name" text not null, "email" text not null unique, "emailVerified" integer not null, "image" text, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    Model {
        name: "session",
        columns: &[
            ("id", Text),
            ("expiresAt", Moment),
            ("token", Text),
            ("createdAt", Moment),
            ("updatedAt", Moment),
            ("ipAddress", Text),
            ("userAgent", Text),
            ("userId", Text),
        ],
        unique: Some("token"),
        postgres: r#"create table "session" ("id" text not null primary key, "expiresAt" timestamptz not null, "token" text not null unique, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz not null, "ipAddress" text, "userAgent" text, "userId" text not null references "user" ("id") on delete cascade)"#,
        sqlite: r#"create table "session" ("id" text not null primary key, "expiresAt" date not null, "token" text not null unique, "createdAt" date not null, "updatedAt" date not null, "ipAddress" text, "userAgent" text, "userId" text not null references "user" ("id") on delete cascade)"#,
    },
    Model {
        name: "account",
        columns: &[
            ("id", Text),
            ("accountId", Text),
            ("providerId", Text),
            ("userId", Text),
            ("accessToken", Text),
            ("refreshToken", Text),
            ("idToken", Text),
            ("accessTokenExpiresAt", Moment),
            ("refreshTokenExpiresAt", Moment),
            ("scope", Text),
            ("password", Text),
            ("createdAt", Moment),
            ("updatedAt", Moment),
        ],
        unique: None,
        postgres: r#"create table "account" ("id" text not null primary key, "accountId" text not null, "providerId" text not null, "userId" text not null references "user" ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" timestamptz, "refreshTokenExpiresAt" timestamptz, "scope" text, "password" text, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz not null)"#,
        sqlite: r#"create table "account" ("id" text not null primary key, "accountId" text not null, "providerId" text not null, "userId" text not null references "user" ("id") on delete cascade, "accessToken" text, "refreshToken" text, "idToken" text, "accessTokenExpiresAt" date, "refreshTokenExpiresAt" date, "scope" text, "password" text, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    Model {
        name: "verification",
        columns: &[
            ("id", Text),
            ("identifier", Text),
            ("value", Text),
            ("expiresAt", Moment),
            ("createdAt", Moment),
            ("updatedAt", Moment),
        ],
        unique: None,
        postgres: r#"create table "verification" ("id" text not null primary key, "identifier" text not null, "value" text not null, "expiresAt" timestamptz not null, "createdAt" timestamptz default CURRENT_TIMESTAMP not null, "updatedAt" timestamptz default CURRENT_TIMESTAMP not null)"#,
        sqlite: r#"create table "verification" ("id" text not null primary key, "identifier" text not null, "value" text not null, "expiresAt" date not null, "createdAt" date not null, "updatedAt" date not null)"#,
    },
    Model {
        name: "jwks",
        columns: &[
            ("id", Text),
            ("publicKey", Text),
            ("privateKey", Text),
            ("createdAt", Moment),
            ("expiresAt", Moment),
            ("alg", Text),
            ("crv", Text),
        ],
        unique: None,
        postgres: r#"create table "jwks" ("id" text not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" timestamptz not null, "expiresAt" timestamptz, "alg" text, "crv" text)"#,
        sqlite: r#"create table "jwks" ("id" text not null primary key, "publicKey" text not null, "privateKey" text not null, "createdAt" date not null, "expiresAt" date, "alg" text, "crv" text)"#,
    },
    Model {
        name: "rateLimit",
        columns: &[("id", Text), ("key", Text), ("count", Integer), ("lastRequest", BigInteger)],
        unique: Some("key"),
        postgres: r#"create table "rateLimit" ("id" text not null primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null)"#,
        sqlite: r#"create table "rateLimit" ("id" text not null primary key, "key" text not null unique, "count" integer not null, "lastRequest" bigint not null)"#,
    },
];

/// An index, its table, and its column.
const INDICES: [(&str, &str, &str); 3] = [
    ("session_userId_idx", "session", "userId"),
    ("account_userId_idx", "account", "userId"),
    ("verification_identifier_idx", "verification", "identifier"),
];

/// Makes the tables that are missing, after all that are there have been checked.
pub(crate) async fn make_or_adopt(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    for model in missing(db).await? {
        let statement = match db.get_database_backend() {
            DbBackend::Postgres => model.postgres,
            _ => model.sqlite,
        };
        db.execute_unprepared(statement).await?;
    }
    for (index, table, column) in INDICES {
        if !has_index(db, index).await? {
            db.execute_unprepared(&format!(r#"create index "{index}" on "{table}" ("{column}")"#)).await?;
        }
    }
    Ok(())
}

/// Returns `true` if an index must be added to this table. Only its owner may do that.
pub(crate) async fn lacks_index(db: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    match INDICES.iter().find(|(_, of, _)| *of == table) {
        Some((index, _, _)) => Ok(!has_index(db, index).await?),
        None => Ok(false),
    }
}

async fn has_index(db: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let select = match db.get_database_backend() {
        DbBackend::Postgres => "select 1 from pg_indexes where schemaname = current_schema() and indexname = $1",
        _ => "select 1 from sqlite_schema where type = 'index' and name = ?",
    };
    Ok(!schema::rows(db, select, [name]).await?.is_empty())
}

/// Refuses the tables that are there if they cannot serve, and returns those that are missing. Nothing is changed.
pub(crate) async fn check_all(db: &impl ConnectionTrait) -> Result<Vec<&'static str>, DbErr> {
    Ok(missing(db).await?.into_iter().map(|model| model.name).collect())
}

/// Returns the names of all tables.
pub(crate) fn tables() -> Vec<&'static str> {
    MODELS.iter().map(|model| model.name).collect()
}

/// What is to be made, if all that is there can serve.
async fn missing(db: &impl ConnectionTrait) -> Result<Vec<&'static Model>, DbErr> {
    let mut missing = Vec::new();
    for model in &MODELS {
        match schema::table(db, model.name).await? {
            Some(table) => check(db, model, &table).await?,
            None => missing.push(model),
        }
    }
    Ok(missing)
}

fn refused(table: &str, column: &str, why: &str) -> DbErr {
    let line = format!(
        "{why}; AUTH_MODE=server needs the tables as Better Auth's own migrator makes them, AUTH_MODE=bridge works with \
         this database"
    );
    refused_column(table, column, &line)
}

async fn check(db: &impl ConnectionTrait, model: &Model, table: &Table) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    for (name, kind) in model.columns {
        let Some(column) = table.column(name) else {
            let why = match table.column_like(name) {
                Some(other) => format!("missing, there is \"{}\" (Drizzle's way to name it)", other.name),
                None => "missing".to_owned(),
            };
            return Err(refused(model.name, name, &why));
        };
        if !holds(backend, column, *kind) {
            let why = format!("is {}, not {}", column.data_type, wanted(backend, *kind));
            return Err(refused(model.name, name, &why));
        }
        if (*name == "id" || Some(*name) == model.unique) && !column.is_unique {
            return Err(refused(model.name, name, "is not unique"));
        }
        if backend == DbBackend::Sqlite && *kind == Moment && holds_numbers(db, model.name, name).await? {
            return Err(refused(model.name, name, "holds dates as numbers, not as text"));
        }
    }
    let known = |column: &Column| model.columns.iter().any(|(name, _)| *name == column.name);
    match table.columns.iter().find(|column| column.is_required && !column.has_default && !known(column)) {
        Some(column) => {
            let why = match column.name.as_str() {
                "issuer" => "must have a value, which only Better Auth 1.7.0 to 1.7.2 gave it; drop it, or allow null",
                _ => "must have a value, and is not known to Better Auth; allow null, or give it a default",
            };
            Err(refused(model.name, &column.name, why))
        }
        None => Ok(()),
    }
}

fn holds(backend: DbBackend, column: &Column, kind: Kind) -> bool {
    let data_type = column.data_type.as_str();
    match (backend, kind) {
        (_, Text) => schema::is_text(backend, column),
        (DbBackend::Postgres, Boolean) => data_type == "boolean",
        (DbBackend::Postgres, Integer) => data_type == "integer",
        (DbBackend::Postgres, BigInteger) => data_type == "bigint",
        // Without a zone it is UTC, as Drizzle, Prisma, and Node.js with TZ=UTC write it.
        (DbBackend::Postgres, Moment) => data_type.starts_with("timestamp"),
        (_, Boolean | Integer | BigInteger) => {
            matches!(schema::affinity(data_type), Affinity::Integer | Affinity::Numeric)
        }
        (_, Moment) => matches!(schema::affinity(data_type), Affinity::Text | Affinity::Numeric),
    }
}

fn wanted(backend: DbBackend, kind: Kind) -> &'static str {
    match (backend, kind) {
        (_, Text) => "text",
        (DbBackend::Postgres, Boolean) => "boolean",
        (_, Boolean | Integer) => "integer",
        (_, BigInteger) => "bigint",
        (DbBackend::Postgres, Moment) => "a timestamp",
        (_, Moment) => "date (as text)",
    }
}

/// Numbers in a column for dates: Prisma's way on SQLite.
async fn holds_numbers(db: &impl ConnectionTrait, table: &str, column: &str) -> Result<bool, DbErr> {
    let sql = format!(r#"select 1 from "{table}" where typeof("{column}") in ('integer', 'real') limit 1"#);
    schema::exists(db, &sql).await
}
