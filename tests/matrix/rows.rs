//! The rows of the matrix. Each is a test.

use crate::apps::NEWEST;
use crate::row::{Asked, Row};

/// Defines a test for each row, and the list of all rows.
macro_rules! rows {
    ($($name:ident: $row:expr),+ $(,)?) => {
        /// All rows, in the order of docs/moving.md.
        pub(crate) const ROWS: &[Row] = &[$($row),+];
        $(#[tokio::test]
        async fn $name() {
            const ROW: Row = $row;
            ROW.run().await;
        })+
    };
}

/// A row in which nothing is asked of the operator.
const fn row(tables: &'static str, releases: &'static [&'static str], variant: &'static str) -> Row {
    Row { tables, releases, variant, before: "", asked: Asked::Nothing }
}

/// The tables of the default options.
const DEFAULT: &str = "Better Auth's own migrator";

/// Lets Taskbridge write the value that 1.7.0 to 1.7.2 expect for users with a password.
const ISSUER: &str = r#"alter table "account" alter column "issuer" set default 'local:credential'"#;

/// The empty tables that the previous release of Taskbridge created if it did not recognize those of the app.
const SECOND_SET: &str = concat!(
    include_str!("../vectors/databases/0.1/server.postgres.sql"),
    r#"delete from "tasks"; delete from "jwks"; delete from "user";"#
);

rows! {
    v1_2: row(DEFAULT, &["better-auth-1-2"], "kysely"),
    v1_3: row(DEFAULT, &["better-auth-1-3"], "kysely"),
    v1_4: row(DEFAULT, &["better-auth-1-4"], "kysely"),
    v1_6: row(DEFAULT, &["better-auth-1-6"], "kysely"),
    v1_7: row(DEFAULT, &["better-auth-1-7"], "kysely"),
    newest: row(DEFAULT, &[NEWEST], "kysely"),
    chain: row(
        "Better Auth's own migrator, updated from release to release",
        &["better-auth-1-2", "better-auth-1-3", "better-auth-1-6", "better-auth-1-7"],
        "kysely"
    ),
    v1_7_0: Row {
        asked: Asked::Sql(ISSUER),
        ..row("Better Auth's own migrator of 1.7.0 to 1.7.2", &["better-auth-1-7-0"], "kysely")
    },
    v1_7_2: Row {
        asked: Asked::Sql(ISSUER),
        ..row("Better Auth's own migrator of 1.7.0 to 1.7.2", &["better-auth-1-7-2"], "kysely")
    },
    uuid: row("Better Auth's own migrator, `generateId: \"uuid\"`", &["better-auth-1-4", NEWEST], "uuid"),
    serial: row("Better Auth's own migrator, `generateId: \"serial\"`", &["better-auth-1-4", NEWEST], "serial"),
    numbers: row("Better Auth's own migrator, `useNumberId`", &["better-auth-1-3"], "numbers"),
    renamed: row("`modelName`; `fields` in snake case", &[NEWEST], "renamed"),
    renamed_freely: Row {
        asked: Asked::Settings(&[
            ("auth.columns.user.email", "address"),
            ("auth.columns.account.providerId", "provider"),
        ]),
        ..row("`modelName`; `fields` with other names", &[NEWEST], "renamed freely")
    },
    second_set: Row {
        before: SECOND_SET,
        asked: Asked::Sql(concat!(
            r#"alter table "tasks" drop constraint "tasks_user_id_fkey", add constraint "tasks_user_id_fkey" "#,
            r#"foreign key ("user_id") references "users" ("id") on delete cascade not valid"#
        )),
        ..row("`modelName`, and empty tables of an earlier Taskbridge", &[NEWEST], "renamed")
    },
    additional: Row {
        before: r#"alter table "user" add column "company" text not null default 'none';
            alter table "user" alter column "company" drop default"#,
        asked: Asked::Sql(r#"alter table "user" alter column "company" drop not null"#),
        ..row("an additional column `company` that is required", &[NEWEST], "kysely")
    },
    schema: row("tables in another schema", &[NEWEST], "schema"),
    drizzle: row("Drizzle", &["better-auth-1-6", NEWEST], "drizzle"),
    drizzle_plural: row("Drizzle with `usePlural`", &[NEWEST], "drizzle usePlural"),
    drizzle_uuid: row("Drizzle with `uuid` ids", &[NEWEST], "drizzle uuid"),
    drizzle_serial: row("Drizzle with serial ids", &[NEWEST], "drizzle serial"),
    prisma: row("Prisma", &["better-auth-1-6", NEWEST], "prisma"),
    prisma_models: row("Prisma without `@@map`", &[NEWEST], "prisma without @@map"),
    prisma_plural: row("Prisma with `usePlural`", &[NEWEST], "prisma usePlural"),
    prisma_uuid: row("Prisma with `uuid` ids", &[NEWEST], "prisma uuid"),
    prisma_serial: row("Prisma with serial ids", &[NEWEST], "prisma serial"),
}
