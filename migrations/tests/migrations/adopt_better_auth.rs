//! Existing tables of Better Auth are adopted if they are like those of its own migrator, and refused otherwise.

use taskbridge_migrations::Users;

use crate::databases::{Backend, Database, TABLES, test_on};

test_on!(
    [Sqlite, Postgres],
    [
        the_official_dumps_are_adopted,
        harmless_differences_are_adopted,
        missing_tables_are_created,
        tables_of_other_tools_are_refused,
        a_view_is_refused,
    ]
);

const POSTGRES_DUMP: &str = include_str!("../../../tests/vectors/postgres.sql");
const POSTGRES: &str = include_str!("../../../tests/vectors/schema-postgres-text-ids.sql");
const POSTGRES_SERIAL: &str = include_str!("../../../tests/vectors/schema-postgres-serial-ids.sql");
const SQLITE_DUMP: &str = include_str!("../../../tests/vectors/sqlite.sql");
const SQLITE: &str = include_str!("../../../tests/vectors/schema-sqlite-text-ids.sql");
const SQLITE_SERIAL: &str = include_str!("../../../tests/vectors/schema-sqlite-serial-ids.sql");

/// Checks that the tables are adopted unchanged, and `tasks` is added.
async fn assert_adopted(database: &Database) {
    let before = database.schema().await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
    let after = database.schema().await;
    let ours = |line: &String| line.contains("tasks") || line.contains("seaql_migrations");
    assert_eq!(after.into_iter().filter(|line| !ours(line)).collect::<Vec<_>>(), before);
}

async fn rows(database: &Database) -> Vec<String> {
    let mut counts = Vec::new();
    for table in ["user", "session", "account", "verification", "jwks", "rateLimit"] {
        counts.push(database.text(&format!(r#"select cast(count(*) as text) from "{table}""#)).await);
    }
    counts
}

async fn the_official_dumps_are_adopted(database: Database) {
    // The dump for SQLite begins and commits a transaction itself, and disables foreign keys on the connection.
    database.run(if database.backend == Backend::Sqlite { SQLITE_DUMP } else { POSTGRES_DUMP }).await;
    let before = rows(&database).await;
    assert_adopted(&database).await;
    assert_eq!(rows(&database).await, before);
    assert_eq!(before[0], "4");
}

/// An app may change the tables in ways that Better Auth itself accepts.
async fn harmless_differences_are_adopted(database: Database) {
    let additions = r#"
        alter table "user" add column "role" text;
        alter table "user" add column "banned" boolean not null default false;"#;
    let narrow = r#"
        alter table "user" add column "number" bigint generated always as identity not null;
        alter table "user" alter column "name" type varchar(255);
        alter table "session" alter column "expiresAt" type timestamptz(3), alter column "createdAt" type timestamp;"#;
    let script = match database.backend {
        Backend::Sqlite => format!("{SQLITE}; {additions}"),
        _ => format!("{POSTGRES}; {additions} {narrow}"),
    };
    database.run(&script).await;
    assert_adopted(&database).await;
}

async fn missing_tables_are_created(database: Database) {
    let official = if database.backend == Backend::Sqlite { SQLITE } else { POSTGRES };
    database.run(official).await;
    let before = database.schema().await;
    database.run(r#"drop table "rateLimit"; drop table "jwks""#).await;
    assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
    let after = database.schema().await;
    assert!(before.iter().all(|line| after.contains(line)), "{after:?}");
}

/// Tables that Drizzle creates from the schema that Better Auth generates.
const DRIZZLE_SQLITE: &str = r"
create table `user` (`id` text primary key not null, `name` text not null, `email` text not null unique, `email_verified` integer default false not null, `image` text, `created_at` integer default (cast(unixepoch('subsecond') * 1000 as integer)) not null, `updated_at` integer not null);";
/// A table that Prisma creates.
const PRISMA_POSTGRES: &str = r#"
create table "user" ("id" text not null, "name" text not null, "email" text not null, "emailVerified" boolean not null default false, "image" text, "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null, constraint "user_pkey" primary key ("id"));
create unique index "user_email_key" on "user"("email");"#;
const PRISMA_SQLITE: &str = r#"
create table "user" ("id" text not null primary key, "name" text not null, "email" text not null, "emailVerified" boolean not null default false, "image" text, "createdAt" datetime not null default current_timestamp, "updatedAt" datetime not null);
create unique index "user_email_key" on "user"("email");
insert into "user" values ('ann', 'Ann', 'ann@example.test', false, null, 1795225520646, 1795225520646);"#;

/// Checks that server mode refuses the tables, and bridge mode accepts them.
async fn assert_refused(database: &Database, setup: &str, expected: &[&str]) {
    database.run(setup).await;
    let line = database.refusal(Users::Here).await;
    for part in expected {
        assert!(line.contains(part), "{line}");
    }
    assert!(line.contains("AUTH_MODE=bridge"), "{line}");
    assert_eq!(database.adopt(Users::Elsewhere).await.unwrap().applied, [TABLES[1]], "{setup}");
}

mod zones {
    use super::*;

    test_on!([Postgres], [times_without_a_zone_are_adopted]);

    /// Prisma creates columns for times without a zone.
    async fn times_without_a_zone_are_adopted(database: Database) {
        database.run(PRISMA_POSTGRES).await;
        assert_eq!(database.adopt(Users::Here).await.unwrap().applied, TABLES);
        let types = "select data_type::text from information_schema.columns where table_name = 'user' and column_name = 'createdAt'";
        assert_eq!(database.text(types).await, "timestamp without time zone");
    }
}

async fn tables_of_other_tools_are_refused(mut database: Database) {
    let cases = match database.backend {
        Backend::Sqlite => sqlite_tables_of_others(),
        _ => postgres_tables_of_others(),
    };
    for (setup, expected) in cases {
        assert_refused(&database, &setup, &expected).await;
        database = database.cleared().await;
    }
}

fn postgres_tables_of_others() -> Vec<(String, Vec<&'static str>)> {
    let altered = |change: &str| format!("{POSTGRES}; {change}");
    vec![
        (
            altered(r#"alter table "account" add column "issuer" text not null"#),
            vec![
                r#"table "account", column "issuer": is required, and only Better Auth 1.7.0 to 1.7.2 writes it; run: alter table "account" alter column "issuer" set default 'local:credential'"#,
            ],
        ),
        (
            altered(
                r#"alter table "jwks" add column "tenant" text not null; alter table "session" alter column "token" type uuid using null"#,
            ),
            vec![
                r#"table "jwks", column "tenant": is required, but unknown to Better Auth; run: alter table "jwks" alter column "tenant" drop not null"#,
                r#"table "session", column "token": is uuid, not text; drop the views that use it, if there are any, and run: alter table "session" alter column "token" type text using "token"::text"#,
            ],
        ),
        (
            altered(r#"alter table "session" drop column "userId"; alter table "session" add column "user_id" uuid"#),
            vec![r#"table "session", column "user_id": is uuid, not text"#],
        ),
        (
            altered(r#"alter table "session" alter column "expiresAt" type date"#),
            vec![r#"table "session", column "expiresAt": is date, not a timestamp"#],
        ),
        (
            altered(r#"alter table "user" alter column "emailVerified" type timestamptz using null"#),
            vec![r#"table "user", column "emailVerified": is timestamp with time zone, not boolean"#],
        ),
        (
            altered(r#"alter table "rateLimit" alter column "lastRequest" type integer"#),
            vec![r#"table "rateLimit", column "lastRequest": is integer, not bigint"#],
        ),
        (
            altered(r#"alter table "account" drop column "scope""#),
            vec![r#"table "account", column "scope": missing; run: alter table "account" add column "scope" text"#],
        ),
        (
            altered(
                r#"alter table "user" drop constraint "user_email_key";
                insert into "user" select n, n, 'ann@example.test', true from unnest(array['a', 'b']) n"#,
            ),
            vec![
                r#"table "user", column "email": is not unique, and contains a value twice; find these values: select"#,
            ],
        ),
        (
            altered(
                r#"create collation "loose" (provider = icu, locale = 'und-u-ks-level2', deterministic = false); alter table "user" alter column "name" type text collate "loose""#,
            ),
            vec![r#"table "user", column "name": is text collate loose, not text"#],
        ),
        (
            POSTGRES_SERIAL.replace("integer GENERATED BY DEFAULT AS IDENTITY", "integer"),
            vec![
                r#"table "user", column "id": is an integer that no sequence of the column generates; run: alter table "user" alter column "id" drop default, alter column "id" add generated by default as identity; select setval(pg_get_serial_sequence('"user"', 'id'), (select coalesce(max("id"), 0) + 1 from "user"), false)"#,
                r#"table "jwks", column "id": is an integer"#,
            ],
        ),
        (
            "create sequence ids".to_owned()
                + &POSTGRES_SERIAL
                    .replace("integer GENERATED BY DEFAULT AS IDENTITY", "integer default nextval('ids')")
                    .replace("create table \"user\"", "; create table \"user\""),
            vec![r#"run: alter sequence ids owned by "user"."id""#],
        ),
    ]
}

fn sqlite_tables_of_others() -> Vec<(String, Vec<&'static str>)> {
    let altered = |change: &str| format!("{SQLITE}; {change}");
    vec![
        (
            DRIZZLE_SQLITE.to_owned(),
            vec![
                r#"table "user", column "emailVerified": missing, but "email_verified" exists (Drizzle's naming); use AUTH_MODE=bridge, or create the tables with Better Auth's own migrator (npx auth migrate)"#,
                r#"table "user", column "createdAt": missing, but "created_at" exists (Drizzle's naming)"#,
            ],
        ),
        (PRISMA_SQLITE.to_owned(), vec![r#"table "user", column "createdAt": contains dates as numbers, not as text"#]),
        (
            PRISMA_SQLITE.replace("datetime", "integer"),
            vec![r#"table "user", column "createdAt": is integer, not date (stored as text)"#],
        ),
        (SQLITE_SERIAL.to_owned(), vec![r#"table "user", column "id": is integer, not text"#]),
        (
            SQLITE.replace(r#""accountId" text not null,"#, r#""accountId" text not null, "issuer" text not null,"#),
            vec![
                r#"table "account", column "issuer": is required, and only Better Auth 1.7.0 to 1.7.2 writes it; create"#,
            ],
        ),
        (
            altered(r#"alter table "account" rename column "userId" to "user_id""#),
            vec![r#"table "account", column "userId": missing, but "user_id" exists (Drizzle's naming)"#],
        ),
        (
            SQLITE.replace(r#""token" text not null unique"#, r#""token" text not null"#),
            vec![r#"table "session", column "token": is not unique"#],
        ),
        (
            SQLITE.replace(r#""account""#, r#""accounts""#).replace(r#""session""#, r#""sessions""#),
            vec![
                r#"table "accounts": is Better Auth's table "account" under another name, which is supported on PostgreSQL only; use AUTH_MODE=bridge, or rename it in the app and run: alter table "accounts" rename to "account""#,
                r#"table "sessions": is Better Auth's table"#,
            ],
        ),
    ]
}

async fn a_view_is_refused(database: Database) {
    database.run(r#"create view "session" as select 1 as "id""#).await;
    let line = database.refusal(Users::Here).await;
    assert!(line.starts_with(r#"table "session": exists but is not a table; rename or drop it"#), "{line}");
}
